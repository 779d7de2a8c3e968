import type { RunningServer, ServerConfig } from "../../app/mod.ts";
import { createLog, isPlatformError, type Log, messageOf } from "../../base/mod.ts";
import { type Command, CommandError, type CommandInput, UsageError } from "../command.ts";
import type { Output } from "../output.ts";
import { ensurePackages, sandboxRequirements } from "../setup.ts";
import { StopSignal } from "../signals.ts";

/** Calls under way get this long to end; what follows fits into the promised ten seconds. */
const DRAIN_MS_MAX = 8_500;
const STOP_MS_MAX = 10_000;

/** `hearth up` */
export const up: Command = {
  usage: "[--port PORT] [--data DIR] [FLAGS]",
  flags: {
    port: { type: "string", short: "p", value: "PORT", help: "Port; 0 takes a free one (4566)" },
    host: { type: "string", value: "ADDRESS", help: "Address to listen on (127.0.0.1)" },
    data: { type: "string", value: "DIR", help: "Data directory (~/.hearth)" },
    isolation: { type: "string", value: "KIND", help: "process, or none: no isolation (process)" },
    warm: { type: "string", value: "R=N,...", help: "Booted runtimes kept waiting" },
    network: { type: "string", value: "auto|off", help: "Whether functions reach outside (auto)" },
    region: { type: "string", value: "REGION", help: "Region in ARNs (us-east-1)" },
    "keep-alive": { type: "string", value: "S", help: "Idle seconds before an environment ends" },
    "allow-sink": {
      type: "string",
      value: "URL",
      multiple: true,
      help: "Where sidecars may deliver to in this machine's networks",
    },
    "log-level": { type: "string", value: "LEVEL", help: "debug, info, warn or error (info)" },
  },
  positionals: [0, 0],
  details: `
Prints \`hearth ready URL\` on standard output when it accepts calls. Every flag may also be given as
HEARTH_PORT, HEARTH_DATA and so on. SIGTERM and SIGINT let calls end, for 10 s at most; a second
signal stops at once.

  hearth up --port 0 --warm nodejs24.x=4,python3.11=2`,
  async run(input) {
    using signal = new StopSignal();
    const { output } = input;
    const config = await configOf(input);
    if (config.isolation === "process") await ensurePackages(sandboxRequirements(), output);
    else warnOfNoIsolation(output);
    await using server = await start(config, logTo(output, config));
    announce(server, output);
    const name = await signal.stopped;
    output.say(`${name}: letting calls end; once more to stop at once`);
    // Armed until the process is gone: whatever might keep it alive, the promise is ten seconds.
    setTimeout(() => process.exit(1), STOP_MS_MAX).unref();
    await server.stop(DRAIN_MS_MAX);
    return 0;
  },
};

async function configOf(input: CommandInput): Promise<ServerConfig> {
  const { parseServerConfig } = await import("../../app/mod.ts");
  try {
    return parseServerConfig({ flags: input.flags, environment: input.environment });
  } catch (error) {
    throw isPlatformError(error, "invalid") ? new UsageError(error.message) : error;
  }
}

function logTo(output: Output, config: ServerConfig): Log {
  return createLog((line) => output.say(line.trimEnd()), Date.now, config.logLevel);
}

async function start(config: ServerConfig, log: Log): Promise<RunningServer> {
  const { startServer } = await import("../../app/mod.ts");
  try {
    return await startServer(config, log);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EADDRINUSE" && code !== "EACCES" && code !== "EADDRNOTAVAIL") throw error;
    throw new CommandError(
      `Cannot listen on ${config.host}:${config.port}: ${messageOf(error)}`,
      "Choose another: hearth up --port 4567 (0 takes a free one).",
      { cause: error },
    );
  }
}

function warnOfNoIsolation(output: Output): void {
  output.warn("--isolation none: functions run as you, with your files and your network.");
  output.warn("Run only code that you would run yourself.");
}

/** One line for programs on standard output, the rest for people. */
function announce(server: RunningServer, output: Output): void {
  if (output.json) {
    const { url, isolation } = server;
    output.write(`${JSON.stringify({ url, isolation, pid: process.pid })}\n`);
  } else {
    output.write(`hearth ready ${server.url}\n`);
  }
  output.say(`Isolation: ${server.isolation}. In another terminal:`);
  output.say("  hearth deploy PATH            a file or folder becomes a function");
  output.say("  hearth invoke NAME --tail     calls it and shows its log");
  output.say('  eval "$(hearth env)"          points AWS tools and SDKs here');
}

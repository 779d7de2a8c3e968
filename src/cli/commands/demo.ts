import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog } from "../../base/mod.ts";
import type { Command, CommandInput } from "../command.ts";
import { connectionIn } from "../connection.ts";
import { type DemoReport, runDemo } from "../demo.ts";
import { reportText } from "../demo-report.ts";
import { DEMO_REQUIREMENTS, ensurePackages, sandboxRequirements } from "../setup.ts";
import { exitCodeOf, StopSignal } from "../signals.ts";

/** `hearth demo` */
export const demo: Command = {
  usage: "",
  flags: {},
  positionals: [0, 0],
  details: `
Starts a server of its own on a free port with a data directory that it removes at the end, deploys
the three functions of demo/, and calls each once cold, 100 times warm and 50 times at once.
Exit code 0 only when every answer was right.

  hearth demo`,
  async run(input) {
    const { output } = input;
    await ensurePackages([...sandboxRequirements(), ...DEMO_REQUIREMENTS], output);
    using signal = new StopSignal();
    const ended = await withServer(input, signal.stopped);
    if (typeof ended === "string") return exitCodeOf(ended);
    output.result(ended, () => reportText(ended, output));
    return ended.ok ? 0 : 1;
  },
};

/** Runs the demo on a server of its own; a signal ends it early and still cleans up. */
async function withServer(
  { environment, output }: CommandInput,
  stopped: Promise<NodeJS.Signals>,
): Promise<DemoReport | NodeJS.Signals> {
  const { parseServerConfig, startServer } = await import("../../app/mod.ts");
  await using resources = new AsyncDisposableStack();
  const data = await mkdtemp(join(tmpdir(), "hearth-demo-"));
  resources.defer(() => rm(data, { recursive: true, force: true }));
  const flags = { port: "0", host: "127.0.0.1", data, "log-level": "warn" };
  const config = parseServerConfig({ flags, environment });
  const log = createLog((line) => output.say(line.trimEnd()), Date.now, config.logLevel);
  output.say("Starting a server with a data directory of its own ...");
  const server = resources.use(await startServer(config, log));
  output.say(`Listening on ${server.url}, isolation ${server.isolation}`);
  const connection = { ...(await connectionIn(data)), endpoint: server.url };
  const report = runDemo(connection, server.isolation, (line) => output.say(line));
  report.catch(() => {}); // a signal makes us leave it behind, and its calls then fail
  return await Promise.race([report, stopped]);
}

import { type Downloaded, downloadArtifacts } from "../artifacts.ts";
import {
  type CallRequest,
  type CallResult,
  callFunction,
  queueCall,
  sendHeader,
  streamCall,
} from "../calls.ts";
import { type Command, type FlagValues, listFlag, textFlag, UsageError } from "../command.ts";
import { CONNECTION_FLAGS } from "../connection.ts";
import { announceDebugger } from "../debugger.ts";
import { calling, connectLambda } from "../lambda.ts";
import type { Output } from "../output.ts";
import { PAYLOAD_FLAG, parsedOrText, readPayload } from "../payload.ts";

/** `hearth invoke` */
export const invoke: Command = {
  usage: "NAME [--payload JSON|@FILE|-] [--tail] [--stream|--async]",
  flags: {
    ...PAYLOAD_FLAG,
    qualifier: { type: "string", short: "q", value: "Q", help: "A version or alias" },
    tail: { type: "boolean", short: "t", help: "Show the end of the call's log" },
    stream: { type: "boolean", short: "s", help: "Write the response as it comes" },
    async: { type: "boolean", help: "Queue the call and print its request id" },
    execution: { type: "string", value: "NAME", help: "Name of the durable execution" },
    sidecar: {
      type: "string",
      multiple: true,
      value: "NAME",
      help: "A sidecar beside this call: profiler, capture, ...; repeat for more",
    },
    debug: { type: "boolean", help: "Wait for a debugger; raise --timeout for it" },
    artifacts: { type: "string", value: "DIR", help: "Where to put what sidecars left" },
    ...CONNECTION_FLAGS,
  },
  positionals: [1, 1],
  details: `
NAME may be a name, NAME:QUALIFIER or an ARN. The response goes to standard output, the log and how
the call started to standard error. Exit code 1 when the function failed.

  hearth invoke orders --payload '{"id": 7}' --tail
  hearth invoke orders:live --stream
  hearth invoke orders --sidecar profiler --artifacts ./profile`,
  async run(input) {
    const { flags, positionals, output } = input;
    requireOneWay(flags);
    const request: CallRequest = {
      FunctionName: positionals[0] ?? "",
      Qualifier: textFlag(flags, "qualifier"),
      Payload: await readPayload(textFlag(flags, "payload") ?? "{}"),
      LogType: flags.tail === true ? "Tail" : "None",
      DurableExecutionName: textFlag(flags, "execution"),
    };
    const { connection, client } = await connectLambda(input);
    const sidecars = [...listFlag(flags, "sidecar"), ...(flags.debug === true ? ["debugger"] : [])];
    if (sidecars.length > 0) sendHeader(client, "x-hearth-sidecars", sidecars.join(","));
    using _debugging =
      flags.debug === true ? await announceDebugger(connection, output) : undefined;
    if (flags.async === true) {
      const queued = await calling(connection, queueCall(client, request));
      output.result(queued, () => `${queued.requestId}\n`);
      return 0;
    }
    const isStream = flags.stream === true;
    const write = output.json ? undefined : (piece: Uint8Array) => output.write(piece);
    const result = await calling(
      connection,
      isStream ? streamCall(client, request, write) : callFunction(client, request),
    );
    const folder = textFlag(flags, "artifacts");
    const downloaded =
      folder === undefined
        ? undefined
        : await downloadArtifacts(connection, result.requestId ?? "", folder);
    report(result, { downloaded, isWritten: isStream, output });
    return result.functionError === undefined ? 0 : 1;
  },
};

/** @throws UsageError for flags that exclude each other */
function requireOneWay(flags: FlagValues): void {
  const waits = ["stream", "tail", "artifacts"].find((name) => flags[name] !== undefined);
  if (flags.async === true && waits !== undefined) {
    throw new UsageError(`--async does not wait for the response: leave out --${waits}`);
  }
  if (flags.stream === true && flags.execution !== undefined) {
    throw new UsageError("--execution names a durable execution, whose response has no --stream");
  }
}

interface ReportOptions {
  readonly downloaded: Downloaded | undefined;
  /** The response is on standard output already. */
  readonly isWritten: boolean;
  readonly output: Output;
}

function report(result: CallResult, { downloaded, isWritten, output }: ReportOptions): void {
  const { functionError, errorDetails, start, log } = result;
  const text = result.payload.toString("utf8");
  if (log !== "" && !output.json) output.say(log.trimEnd());
  output.result(shapeOf(result, text, downloaded), () => (isWritten ? "" : `${text}\n`));
  for (const warning of downloaded?.warnings ?? []) output.warn(warning);
  for (const { file, sidecar } of downloaded?.artifacts ?? []) output.say(`${file} (${sidecar})`);
  if (result.durableExecutionArn) output.say(`Execution ${result.durableExecutionArn}`);
  if (functionError === undefined) output.say(`ok, ${start?.start || "unknown"} start`);
  else if (!errorDetails) output.error(`The function failed (${functionError})`);
  else output.error(`The function failed (${functionError}): ${errorDetails}`);
}

/** What --json prints. */
function shapeOf(
  { payload: _, start, log, ...result }: CallResult,
  text: string,
  downloaded: Downloaded | undefined,
): Readonly<Record<string, unknown>> {
  return {
    ...result,
    ...start,
    payload: parsedOrText(text),
    log: log === "" ? undefined : log,
    artifacts: downloaded?.artifacts,
  };
}

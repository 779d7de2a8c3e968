import type { LambdaClient } from "@aws-sdk/client-lambda";
import { messageOf } from "../base/mod.ts";
import type { Connection } from "./connection.ts";
import { deployFunction, untilReady } from "./deployment.ts";
import { detectFunction } from "./detect.ts";
import { installedFile } from "./installation.ts";
import { lambdaClient, observeStarts } from "./lambda.ts";
import { readSourceTree, zipOf } from "./source-tree.ts";

/** Calls of one kind to one function. */
export interface DemoPhase {
  readonly name: "first" | "warm" | "parallel";
  readonly calls: number;
  readonly right: number;
  /** What calls were refused with, each message once. */
  readonly errors: readonly string[];
  /** X-Hearth-Start -> how many. */
  readonly starts: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface DemoFunction {
  readonly name: string;
  readonly runtime: string;
  readonly phases: readonly DemoPhase[];
}

/** A call that is meant to fail, and how it did. */
export interface DemoFailure {
  readonly wanted: string;
  readonly functionError: string | undefined;
  readonly errorType: string | undefined;
  readonly errorMessage: string | undefined;
  readonly right: boolean;
}

export interface DemoReport {
  readonly isolation: string;
  readonly functions: readonly DemoFunction[];
  readonly failing: DemoFailure;
  readonly timingOut: DemoFailure;
  readonly durationMs: number;
  readonly ok: boolean;
}

interface Example {
  readonly name: string;
  readonly language: string;
}

const EXAMPLES: readonly Example[] = [
  { name: "hello-typescript", language: "TypeScript" },
  { name: "hello-python", language: "Python" },
  { name: "hello-shell", language: "sh" },
];
const SHELL_HANDLER = "function.handler";
const WARM_CALLS = 100;
const PARALLEL_CALLS = 50;
/** The shortest timeout there is, so that the call that exceeds it is soon over. */
const TIMEOUT_SECONDS = 1;

/** Deploys and calls the functions of demo/ through the AWS SDK and reports what was measured. */
export async function runDemo(
  connection: Connection,
  isolation: string,
  say: (line: string) => void,
): Promise<DemoReport> {
  const startedAt = performance.now();
  const client = await lambdaClient(connection);
  const starts: string[] = [];
  observeStarts(client, (headers) => starts.push(headers.start));
  const functions: DemoFunction[] = [];
  for (const example of EXAMPLES) {
    const { runtime } = await deployExample(client, example);
    say(`Deployed ${example.name} (${runtime}); calling it ...`);
    const phases = await measure(client, example, starts);
    functions.push({ name: example.name, runtime, phases });
  }
  say("Making one call fail and one exceed its timeout ...");
  const failing = await callFailing(client);
  const timingOut = await callTimingOut(client);
  const allRight = functions.every(({ phases }) => phases.every((p) => p.right === p.calls));
  return {
    isolation,
    functions,
    failing,
    timingOut,
    durationMs: performance.now() - startedAt,
    ok: allRight && failing.right && timingOut.right,
  };
}

async function deployExample(
  client: LambdaClient,
  { name }: Example,
): Promise<{ runtime: string }> {
  const tree = await readSourceTree(installedFile(`demo/${name}`));
  const handler = name === "hello-shell" ? SHELL_HANDLER : undefined;
  const settings = await detectFunction(tree, { handler });
  return await deployFunction(client, name, { ...settings, memoryMiB: 256 }, await zipOf(tree));
}

async function measure(
  client: LambdaClient,
  example: Example,
  starts: string[],
): Promise<DemoPhase[]> {
  const one = (index: number): Promise<TimedCall> => timedCall(client, example, `${index}`);
  const phase = async (
    name: DemoPhase["name"],
    calls: () => Promise<TimedCall[]>,
  ): Promise<DemoPhase> => {
    starts.length = 0;
    return summary(name, await calls(), starts);
  };
  return [
    await phase("first", async () => [await one(0)]),
    await phase("warm", async () => {
      const calls: TimedCall[] = [];
      for (let index = 0; index < WARM_CALLS; index++) calls.push(await one(index));
      return calls;
    }),
    await phase("parallel", () =>
      Promise.all(Array.from({ length: PARALLEL_CALLS }, (_, index) => one(index))),
    ),
  ];
}

interface TimedCall {
  readonly ms: number;
  readonly right: boolean;
  readonly error?: string;
}

async function timedCall(client: LambdaClient, example: Example, who: string): Promise<TimedCall> {
  const greeting = `Hello ${who} from ${example.language}`;
  const startedAt = performance.now();
  const elapsed = (): number => performance.now() - startedAt;
  try {
    const { payload, functionError } = await call(client, example.name, { name: who });
    const ms = elapsed();
    return { ms, right: functionError === undefined && payload.greeting === greeting };
  } catch (error) {
    return { ms: elapsed(), right: false, error: messageOf(error) };
  }
}

interface CallResult {
  readonly payload: Readonly<Record<string, unknown>>;
  readonly functionError: string | undefined;
}

async function call(client: LambdaClient, name: string, event: unknown): Promise<CallResult> {
  const { InvokeCommand } = await import("@aws-sdk/client-lambda");
  const result = await client.send(
    new InvokeCommand({ FunctionName: name, Payload: Buffer.from(JSON.stringify(event)) }),
  );
  const text = Buffer.from(result.Payload ?? []).toString("utf8");
  return { payload: JSON.parse(text), functionError: result.FunctionError };
}

function summary(
  name: DemoPhase["name"],
  calls: readonly TimedCall[],
  starts: readonly string[],
): DemoPhase {
  const sorted = calls.map(({ ms }) => ms).sort((a, b) => a - b);
  const counts: Record<string, number> = {};
  for (const start of starts) if (start !== "") counts[start] = (counts[start] ?? 0) + 1;
  return {
    name,
    calls: calls.length,
    right: calls.filter(({ right }) => right).length,
    errors: [...new Set(calls.flatMap(({ error }) => error ?? []))],
    starts: counts,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
  };
}

/** Nearest rank; `sorted` ascends. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

async function callFailing(client: LambdaClient): Promise<DemoFailure> {
  const result = await call(client, "hello-typescript", { fail: true });
  return failureOf(
    result,
    "RangeError: Asked to fail",
    (type, message) => type === "RangeError" && message === "Asked to fail",
  );
}

async function callTimingOut(client: LambdaClient): Promise<DemoFailure> {
  const { UpdateFunctionConfigurationCommand } = await import("@aws-sdk/client-lambda");
  const FunctionName = "hello-typescript";
  await client.send(
    new UpdateFunctionConfigurationCommand({ FunctionName, Timeout: TIMEOUT_SECONDS }),
  );
  await untilReady(client, FunctionName);
  const result = await call(client, FunctionName, { sleepMs: 60_000 });
  return failureOf(result, "Task timed out after 1.00 seconds", (_, message) =>
    message.includes("Task timed out after 1.00 seconds"),
  );
}

function failureOf(
  { payload, functionError }: CallResult,
  wanted: string,
  isWanted: (errorType: string, errorMessage: string) => boolean,
): DemoFailure {
  const { errorType, errorMessage } = payload as { errorType?: string; errorMessage?: string };
  const right = functionError === "Unhandled" && isWanted(errorType ?? "", errorMessage ?? "");
  return { wanted, functionError, errorType, errorMessage, right };
}

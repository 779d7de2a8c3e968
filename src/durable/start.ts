import { createHash } from "node:crypto";
import { assert, type Clock, PlatformError, type SecureRandom } from "../base/mod.ts";
import { type FunctionVersion, functionArn } from "../model/mod.ts";
import type { Transition } from "./execution.ts";
import { startExecution } from "./lifecycle.core.ts";
import { executionArn, newExecutionId } from "./token.core.ts";

/** A wish to run a durable function once. */
export interface StartExecution {
  /** The version that was asked for; its configuration is durable. */
  readonly version: FunctionVersion;
  /** Two starts with one name are one execution. */
  readonly name?: string;
  readonly payload: Buffer;
  /** Whether the caller waits for the result. */
  readonly isSynchronous: boolean;
  readonly traceId: string;
}

/** The first step of the execution that was wished for. */
export function newExecution(
  request: StartExecution,
  source: { readonly region: string; readonly clock: Clock; readonly random: SecureRandom },
): Transition {
  const { version, isSynchronous, traceId } = request;
  const { owner, name: functionName } = version;
  const { durable } = version.configuration;
  assert(durable, "Only durable functions have executions");
  const nowMs = source.clock.now();
  const id = newExecutionId(nowMs, source.random);
  const name = request.name ?? source.random.uuid();
  const input = request.payload.length === 0 ? "{}" : request.payload.toString();
  const wanted = {
    owner,
    functionName,
    id,
    name,
    isNamed: request.name !== undefined,
    version: version.version,
    functionArn: functionArn(source.region, owner, functionName, version.version),
    arn: executionArn(source.region, { owner, functionName, id }, version.version, name),
    timeoutSeconds: durable.executionTimeoutSeconds,
    retentionDays: durable.retentionDays,
    isSynchronous,
    traceId,
    inputDigest: digestOf(request.payload),
  };
  return startExecution(wanted, input, nowMs);
}

export function digestOf(payload: Buffer): string {
  return createHash("sha256").update(payload).digest("base64");
}

export function alreadyStarted(name: string): PlatformError {
  return new PlatformError(
    { kind: "already_exists", resource: "durable-execution", id: name },
    `Execution '${name}' was already started with a different payload`,
  );
}

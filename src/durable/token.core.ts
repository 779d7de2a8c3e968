import { createHash } from "node:crypto";
import { PlatformError, type SecureRandom } from "../base/mod.ts";
import { functionArn } from "../model/mod.ts";
import type { ExecutionRecord, ExecutionReference } from "./execution.ts";

/**
 * Names of executions, checkpoints and callbacks. They are no secrets: they are looked up among the
 * things of the owner who sends them.
 */

/** What a checkpoint token stands for: one point in one invocation of one execution. */
export interface CheckpointToken {
  readonly executionId: string;
  readonly invocationId: string;
  readonly token: number;
}

export interface CallbackAddress {
  readonly functionName: string;
  readonly executionId: string;
  readonly operationId: string;
}

/** RFC 9562 version 7: the time first, so that ids sort by it. */
export function newExecutionId(nowMs: number, random: SecureRandom): string {
  const time = nowMs.toString(16).padStart(12, "0");
  const chance = random.hex(10);
  const variant = ((Number.parseInt(chance.charAt(3), 16) & 0x3) | 0x8).toString(16);
  return [
    time.slice(0, 8),
    time.slice(8),
    `7${chance.slice(0, 3)}`,
    `${variant}${chance.slice(4, 7)}`,
    chance.slice(7, 19),
  ].join("-");
}

/** `FUNCTION_ARN:VERSION/durable-execution/NAME/ID` */
export function executionArn(
  region: string,
  reference: ExecutionReference,
  version: string,
  name: string,
): string {
  const { owner, functionName, id } = reference;
  return `${functionArn(region, owner, functionName, version)}/durable-execution/${name}/${id}`;
}

/** The one valid token of an invocation that is under way. */
export function checkpointTokenOf(record: ExecutionRecord, invocationId: string): string {
  return encode([record.id, invocationId, String(record.token)]);
}

export function parseCheckpointToken(text: string): CheckpointToken | undefined {
  const [executionId, invocationId, token, ...rest] = decode(text);
  if (executionId === undefined || invocationId === undefined || rest.length > 0) return undefined;
  if (token === undefined || !/^\d{1,15}$/.test(token)) return undefined;
  return { executionId, invocationId, token: Number(token) };
}

/** @throws PlatformError kind "invalid", in the words by which AWS's SDK knows it */
export function requireToken(record: ExecutionRecord, text: string): CheckpointToken {
  const parsed = parseCheckpointToken(text);
  const isValid =
    record.status === "RUNNING" &&
    parsed?.executionId === record.id &&
    parsed.invocationId === record.invocation?.id &&
    parsed.token === record.token;
  if (isValid && parsed) return parsed;
  throw invalidToken();
}

export function invalidToken(): PlatformError {
  return new PlatformError(
    { kind: "invalid", field: "CheckpointToken" },
    "Invalid Checkpoint Token",
  );
}

export function callbackIdOf(reference: ExecutionReference, operationId: string): string {
  return encode([reference.functionName, reference.id, operationId]);
}

export function parseCallbackId(text: string): CallbackAddress | undefined {
  const [functionName, executionId, operationId, ...rest] = decode(text);
  if (!functionName || !executionId || !operationId || rest.length > 0) return undefined;
  return { functionName, executionId, operationId };
}

/** One name for one chained call, however often the server is started in between. */
export function chainedNameOf(reference: ExecutionReference, operationId: string): string {
  return createHash("sha256").update(`${reference.id}/${operationId}`).digest("hex");
}

function encode(parts: readonly string[]): string {
  return Buffer.from(parts.join("\n")).toString("base64");
}

function decode(text: string): string[] {
  return Buffer.from(text, "base64").toString().split("\n");
}

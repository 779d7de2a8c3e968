import { messageOf, PlatformError } from "../base/mod.ts";
import type { ListOptions, Write } from "./table.ts";

/** What every TableStore driver accepts, checked alike so that no driver's habits leak upwards. */
export const TABLE_NAME_BYTES_MAX: number = 64;
/** Ours: longer than any ARN with a qualifier, short enough for any store's index. */
export const KEY_BYTES_MAX: number = 1024;
export const LIST_LIMIT_DEFAULT: number = 100;
export const LIST_LIMIT_MAX: number = 1000;
/** Documents that one commit may name; ours: a commit is a decision, not a bulk load. */
export const COMMIT_WRITES_MAX: number = 1000;

/** @throws PlatformError kind "invalid" */
export function checkTable(table: string): void {
  checkText("table", table, TABLE_NAME_BYTES_MAX);
  if (table === "") throw invalid("table", "Table name is empty");
}

/** @throws PlatformError kind "invalid" */
export function checkKey(key: string): void {
  checkText("key", key, KEY_BYTES_MAX);
  if (key === "") throw invalid("key", "Key is empty");
}

/** @throws PlatformError kind "invalid" */
export function checkListOptions({ prefix, after, limit }: ListOptions): void {
  if (prefix !== undefined) checkText("prefix", prefix, KEY_BYTES_MAX);
  if (after !== undefined) checkText("after", after, KEY_BYTES_MAX);
  if (limit === undefined) return;
  if (!Number.isInteger(limit) || limit < 1 || limit > LIST_LIMIT_MAX) {
    throw invalid("limit", `List limit is ${limit}, wanted 1..${LIST_LIMIT_MAX}`);
  }
}

/** @throws PlatformError kind "invalid": bad names, or a document named twice */
export function checkWrites(writes: readonly Write[]): void {
  if (writes.length === 0 || writes.length > COMMIT_WRITES_MAX) {
    throw invalid("writes", `Commit has ${writes.length} writes, wanted 1..${COMMIT_WRITES_MAX}`);
  }
  const named = new Set<string>();
  for (const { table, key, ifRevision } of writes) {
    checkTable(table);
    checkKey(key);
    if (ifRevision !== undefined && !(Number.isSafeInteger(ifRevision) && ifRevision >= 0)) {
      throw invalid("ifRevision", `Revision is ${ifRevision}, wanted an integer from 0`);
    }
    const name = JSON.stringify([table, key]);
    if (named.has(name)) throw invalid("writes", `Commit names ${table}/${key} twice`);
    named.add(name);
  }
}

/**
 * A value as JSON text.
 * @throws PlatformError kind "invalid" for what JSON cannot express
 */
export function jsonOf(value: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (error) {
    throw invalid("value", `Value is not JSON: ${messageOf(error)}`);
  }
  if (json === undefined) throw invalid("value", `Value is ${typeof value}, wanted JSON`);
  return json;
}

function checkText(field: string, text: string, bytesMax: number): void {
  if (!text.isWellFormed()) throw invalid(field, `${field} has a lone surrogate, wanted Unicode`);
  const bytes = Buffer.byteLength(text);
  if (bytes > bytesMax) throw invalid(field, `${field} has ${bytes} bytes, limit ${bytesMax}`);
}

function invalid(field: string, message: string): PlatformError {
  return new PlatformError(
    { kind: "invalid", field },
    message.charAt(0).toUpperCase() + message.slice(1),
  );
}

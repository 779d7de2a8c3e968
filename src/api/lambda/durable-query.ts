import { EXECUTION_STATUSES, type ExecutionStatus } from "../../durable/mod.ts";
import { LambdaError, validationError } from "./errors.ts";
import { violation } from "./validation.ts";

/** Query parameters of the durable operations. */

const ITEMS_DEFAULT = 100;
const ITEMS_MAX = 1000;

/** MaxItems: "A value of 0 uses the default." */
export function itemCountOf(query: URLSearchParams): number {
  const text = query.get("MaxItems");
  if (text === null || text === "") return ITEMS_DEFAULT;
  const value = Number(text);
  if (!Number.isInteger(value)) throw mistyped(text, "maxItems", "Integer");
  if (value < 0 || value > ITEMS_MAX) {
    const constraint =
      value < 0
        ? "Member must have value greater than or equal to 0"
        : `Member must have value less than or equal to ${ITEMS_MAX}`;
    throw validationError([violation(text, "maxItems", constraint)]);
  }
  return value === 0 ? ITEMS_DEFAULT : value;
}

export function flagOf(query: URLSearchParams, name: string, otherwise: boolean): boolean {
  const text = query.get(name);
  if (text === null || text === "") return otherwise;
  if (text === "true" || text === "false") return text === "true";
  throw mistyped(text, lowerFirst(name), "Boolean");
}

/** A whole number that an earlier answer gave as NextMarker. */
export function numberMarkerOf(query: URLSearchParams): number | undefined {
  const text = query.get("Marker");
  if (text === null || text === "") return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw invalidMarker();
}

export function invalidMarker(): LambdaError {
  return new LambdaError(400, "InvalidParameterValueException", "Invalid pagination token");
}

/** ISO 8601 or seconds since 1970; in milliseconds. */
export function timeOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  const timeMs = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (Number.isFinite(timeMs)) return timeMs;
  throw mistyped(text, lowerFirst(name), "Timestamp");
}

const STATUSES_MAX = 10;

/** Statuses that are asked for; undefined stands for all. */
export function statusesOf(query: URLSearchParams): ReadonlySet<ExecutionStatus> | undefined {
  const texts = query.getAll("Statuses");
  if (texts.length === 0) return undefined;
  const shown = `[${texts.join(", ")}]`;
  if (texts.length > STATUSES_MAX) {
    const constraint = `Member must have length less than or equal to ${STATUSES_MAX}`;
    throw validationError([violation(shown, "statuses", constraint)]);
  }
  const known = EXECUTION_STATUSES.filter((status) => texts.includes(status));
  if (known.length === new Set(texts).size) return new Set(known);
  const constraint =
    "Member must satisfy constraint: [Member must satisfy enum value set: " +
    `[${EXECUTION_STATUSES.join(", ")}], Member must not be null]`;
  throw validationError([violation(shown, "statuses", constraint)]);
}

function mistyped(text: string, field: string, type: string): LambdaError {
  return new LambdaError(
    400,
    "SerializationException",
    `'${text}' at '${field}' can not be converted to ${type}`,
  );
}

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}

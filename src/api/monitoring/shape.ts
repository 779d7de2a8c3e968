import { MonitoringError } from "./errors.ts";

/**
 * Readers of request members, whichever protocol they came by: numbers may be text (query form) and
 * times may be text, seconds or a tagged value (CBOR).
 */
export type Reader<T> = (value: unknown, path: string) => T;

interface Bounds {
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: RegExp;
}

export function text({
  min = 0,
  max = Number.POSITIVE_INFINITY,
  pattern,
}: Bounds = {}): Reader<string> {
  return (value, path) => {
    if (typeof value !== "string") throw mistyped(value, path, "String");
    if (value.length < min) {
      throw violation(value, path, `Member must have length greater than or equal to ${min}`);
    }
    if (value.length > max) {
      throw violation(value, path, `Member must have length less than or equal to ${max}`);
    }
    if (pattern !== undefined && !pattern.test(value)) {
      const source = pattern.source.slice(1, -1);
      throw violation(value, path, `Member must satisfy regular expression pattern: ${source}`);
    }
    return value;
  };
}

export function oneOf<const T extends string>(values: readonly T[]): Reader<T> {
  return (value, path) => {
    const found = values.find((each) => each === value);
    if (found !== undefined) return found;
    if (typeof value !== "string") throw mistyped(value, path, "String");
    const allowed = values.join(", ");
    throw violation(value, path, `Member must satisfy enum value set: [${allowed}]`);
  };
}

export const number: Reader<number> = (value, path) => {
  const found = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof found === "number" && Number.isFinite(found)) return found;
  throw mistyped(value, path, "Double");
};

export function integer({ min = Number.NEGATIVE_INFINITY, max }: Bounds = {}): Reader<number> {
  return (value, path) => {
    const found = number(value, path);
    if (!Number.isSafeInteger(found)) throw mistyped(value, path, "Integer");
    if (found < min) {
      throw violation(found, path, `Member must have value greater than or equal to ${min}`);
    }
    if (max !== undefined && found > max) {
      throw violation(found, path, `Member must have value less than or equal to ${max}`);
    }
    return found;
  };
}

export const flag: Reader<boolean> = (value, path) => {
  if (value === true || value === "true") return true;
  if (value === false || value === "false") return false;
  throw mistyped(value, path, "Boolean");
};

/** Milliseconds since 1970. */
export const time: Reader<number> = (value, path) => {
  const plain = isTagged(value) ? value.value : value;
  const found = typeof plain === "number" ? plain * 1000 : timeOfText(plain);
  if (Number.isFinite(found) && Math.abs(found) < TIME_MS_MAX) return Math.round(found);
  throw mistyped(value, path, "Timestamp");
};

export function list<T>(item: Reader<T>, { min = 0, max = 50_000 }: Bounds = {}): Reader<T[]> {
  return (value, path) => {
    // A form cannot say that a list is empty.
    const items = value === "" ? [] : value;
    if (!Array.isArray(items)) throw mistyped(value, path, "List");
    if (items.length < min) {
      throw violation(
        items.length,
        path,
        `Member must have length greater than or equal to ${min}`,
      );
    }
    if (items.length > max) {
      throw violation(items.length, path, `Member must have length less than or equal to ${max}`);
    }
    return items.map((each, index) => item(each, `${path}.${index + 1}.member`));
  };
}

/** The members of a structure, one by one. */
export class Members {
  readonly #members: Readonly<Record<string, unknown>>;
  readonly #path: string;

  constructor(value: unknown, path = "") {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw mistyped(value, path, "Structure");
    }
    this.#members = value as Record<string, unknown>;
    this.#path = path;
  }

  optional<T>(name: string, read: Reader<T>): T | undefined {
    const value = Object.hasOwn(this.#members, name) ? this.#members[name] : undefined;
    return value === undefined || value === null ? undefined : read(value, this.#pathOf(name));
  }

  required<T>(name: string, read: Reader<T>): T {
    const found = this.optional(name, read);
    if (found !== undefined) return found;
    if (this.#path === "") {
      throw new MonitoringError("MissingParameter", `The parameter ${name} is required.`);
    }
    throw violation(undefined, this.#pathOf(name), "Member must not be null");
  }

  #pathOf(name: string): string {
    const member = name.charAt(0).toLowerCase() + name.slice(1);
    return this.#path === "" ? member : `${this.#path}.${member}`;
  }
}

/** The latest time that a Date can hold. */
const TIME_MS_MAX = 8.64e15;

function timeOfText(value: unknown): number {
  if (typeof value !== "string") return Number.NaN;
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000;
  if (!/^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?(Z|[+-]\d\d:?\d\d)?$/.test(value)) {
    return Number.NaN;
  }
  return Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(value.slice(10)) ? value : `${value}Z`);
}

function isTagged(value: unknown): value is { readonly value: unknown } {
  return typeof value === "object" && value !== null && "tag" in value && "value" in value;
}

function mistyped(value: unknown, path: string, wanted: string): MonitoringError {
  const given = Array.isArray(value)
    ? "LIST"
    : typeof value === "object"
      ? "STRUCTURE"
      : typeof value;
  return new MonitoringError(
    "ValidationError",
    `${given.toUpperCase()}_VALUE at '${path}' can not be converted to ${wanted}`,
  );
}

function violation(value: unknown, path: string, constraint: string): MonitoringError {
  const shown = value === undefined ? "null" : `'${String(value).slice(0, 300)}'`;
  return new MonitoringError(
    "ValidationError",
    `1 validation error detected: Value ${shown} at '${path}' failed to satisfy constraint: ` +
      constraint,
  );
}

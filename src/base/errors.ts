/**
 * Errors of the platform itself. A function that throws, times out or runs out of memory is not an
 * error here: it is an `Outcome` (model/invocation.ts). Wire codes and HTTP statuses belong to
 * api/<dialect>/errors.ts alone.
 */

/** What went wrong, as plain data that an edge can map exhaustively. */
export type ErrorDetail =
  | { kind: "not_found"; resource: string; id: string }
  | { kind: "already_exists"; resource: string; id: string }
  /** The resource is in a state that forbids the operation, or changed under the caller. */
  | { kind: "conflict"; resource: string; id: string }
  /** A conditional write lost against another writer. */
  | { kind: "precondition_failed"; resource: string; id: string }
  | { kind: "invalid"; field: string }
  | { kind: "unauthenticated"; reason: UnauthenticatedReason }
  | { kind: "forbidden"; action: string; resource: string }
  | { kind: "throttled"; scope: ThrottleScope; limit: number; retryAfterSeconds: number }
  /** A bounded queue or budget of this host is full: not the caller's limit but ours. */
  | { kind: "overloaded"; queue: string }
  /** A chain of calls has come back to the same function too often. */
  | { kind: "recursion"; resource: string; runs: number }
  /** A function does not accept who signed its code, or the code is not what was signed. */
  | { kind: "code_signature"; problem: "untrusted" | "damaged" }
  /** The owner has as many of something as may be. */
  | { kind: "quota"; resource: string; limit: number }
  | { kind: "too_large"; what: string; limitBytes: number; actualBytes: number }
  | { kind: "invalid_package"; problem: PackageProblem; entry?: string }
  /** This host cannot do what was asked; `remedy` is a sentence: what to install or set. */
  | { kind: "unsupported"; feature: string; remedy: string }
  | { kind: "unavailable"; what: string }
  /** A runtime ended before it was ready, and the function's own start variables may be why. */
  | { kind: "runtime_refused" }
  | { kind: "corrupt"; what: string; id: string }
  | { kind: "unknown_operation"; operation: string }
  | { kind: "internal" };

export type UnauthenticatedReason =
  | "missing_token"
  | "incomplete_signature"
  | "unknown_key"
  | "signature_mismatch"
  | "expired"
  | "payload_mismatch"
  | "expired_token"
  | "invalid_token";

export type ThrottleScope = "account" | "function" | "caller";

export type PackageProblem =
  | "malformed"
  | "empty"
  | "escapes_root"
  | "link"
  | "too_large"
  | "too_many_entries"
  | "unsupported_entry";

export type ErrorKind = ErrorDetail["kind"];

/**
 * The one error class of Hearth. Messages start with a capital, end without a full stop, and state
 * the current and the wanted value.
 */
export class PlatformError extends Error {
  readonly detail: ErrorDetail;

  constructor(detail: ErrorDetail, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "PlatformError";
    this.detail = detail;
  }

  get kind(): ErrorKind {
    return this.detail.kind;
  }
}

/** Narrows `error` to a PlatformError of one kind. */
export function isPlatformError<K extends ErrorKind>(
  error: unknown,
  kind: K,
): error is PlatformError & { readonly detail: Extract<ErrorDetail, { kind: K }> } {
  return error instanceof PlatformError && error.detail.kind === kind;
}

/** Marks a branch that the type checker has proved impossible. */
export function unreachable(value: never): never {
  throw new Error(`Unreachable value: ${JSON.stringify(value)}`);
}

/** Keeps an invariant of ours true in production; `invariant` is the sentence that must hold. */
export function assert(condition: unknown, invariant: string): asserts condition {
  if (!condition) throw new Error(`Invariant broken: ${invariant}`);
}

/** The message of anything that can be thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

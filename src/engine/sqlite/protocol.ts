import { type ErrorDetail, messageOf, PlatformError } from "../../base/mod.ts";

/**
 * Messages between the store (main thread) and its worker. Documents cross as JSON text: a string
 * is the cheapest thing to clone, and the worker never needs the value.
 */
export interface StoredDocument {
  readonly key: string;
  readonly revision: number;
  readonly json: string;
}

export interface StoredWrite {
  readonly table: string;
  readonly key: string;
  readonly action: "put" | "delete" | "check";
  /** Present for "put". */
  readonly json?: string;
  readonly ifRevision?: number;
}

/** What each operation takes and gives. */
export interface Operations {
  open: { request: { path: string }; result: undefined };
  get: { request: { table: string; key: string }; result: StoredDocument | undefined };
  list: {
    request: { table: string; start: string; end?: string; limit: number };
    result: StoredDocument[];
  };
  /** Many commits, one fsync; each succeeds or fails on its own. */
  commit: { request: { commits: StoredWrite[][] }; result: CommitResult[] };
  close: { request: undefined; result: undefined };
}

export type OperationName = keyof Operations;

/** The revision, or why nothing of this commit was written. */
export type CommitResult = number | Failure;

/** A PlatformError in a form that survives structured cloning. */
export interface Failure {
  readonly detail: ErrorDetail;
  readonly message: string;
}

export type Call = {
  [Name in OperationName]: {
    readonly id: number;
    readonly name: Name;
    readonly request: Operations[Name]["request"];
  };
}[OperationName];

export type Reply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly failure: Failure };

export function failureOf(error: unknown): Failure {
  if (error instanceof PlatformError) return { detail: error.detail, message: error.message };
  return { detail: { kind: "internal" }, message: `Table store: ${messageOf(error)}` };
}

export function errorOf(failure: Failure): PlatformError {
  return new PlatformError(failure.detail, failure.message);
}

import type { Clock, SecureRandom } from "../../base/mod.ts";
import type { Invoker } from "../../invoke/mod.ts";
import type { Architecture, Owner } from "../../model/mod.ts";
import type { FunctionRegistry } from "../../registry/mod.ts";
import type { AuthenticatedRequest, HttpResponse } from "../http/request.ts";

/** What the Lambda dialect stands on; given by app/. */
export interface LambdaServices {
  readonly registry: FunctionRegistry;
  readonly invoker: Invoker;
  /** A presigned URL under `origin` from which the owner downloads a package. */
  readonly codeLocation: (owner: Owner, sha256: string, origin: string) => string;
  /** Stands in every ARN and must stand in every ARN that is asked for. */
  readonly region: string;
  /** What this host's processors run. */
  readonly architecture: Architecture;
  readonly clock: Clock;
  /** Makes trace ids. */
  readonly random: SecureRandom;
}

/** One request on its way through an operation. */
export interface LambdaCall {
  readonly services: LambdaServices;
  readonly request: AuthenticatedRequest;
  /** AWS's name of the operation. */
  readonly operation: string;
  /** Labels of the path, decoded, in order. */
  readonly labels: readonly string[];
}

/** Wire in, wire out; throws what errors.ts maps. */
export type Operation = (call: LambdaCall) => Promise<HttpResponse>;

const JSON_HEADERS: Readonly<Record<string, string>> = { "Content-Type": "application/json" };

export function jsonResponse(status: number, body: unknown): HttpResponse {
  return { status, headers: JSON_HEADERS, body: JSON.stringify(body) };
}

export function emptyResponse(status: number): HttpResponse {
  return { status, headers: {}, body: "" };
}

import type { Connection } from "./connection.ts";
import { signedRequest } from "./signed-request.ts";

/** A request to Hearth's own API under /_hearth, signed like every other. */
export interface AdminRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** From `/_hearth/` on, with its query. */
  readonly path: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/**
 * Sends one request and resolves with its response once the status says success.
 * @throws CommandError with the server's message otherwise
 */
export async function adminRequest(
  connection: Connection,
  { method, path, body, signal }: AdminRequest,
): Promise<Response> {
  return await signedRequest(connection, {
    ...{ service: "hearth", method, path },
    headers: { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
}

export async function adminJson(connection: Connection, request: AdminRequest): Promise<unknown> {
  return await (await adminRequest(connection, request)).json();
}

import { CommandError } from "./command.ts";
import type { Connection } from "./connection.ts";

/** A request to Hearth's own API under /_hearth, signed like every other. */
export interface AdminRequest {
  readonly method: "GET" | "POST" | "DELETE";
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
  const { signRequest } = await import("../api/mod.ts");
  const url = new URL(path, connection.endpoint);
  const text = body === undefined ? "" : JSON.stringify(body);
  const { host: _, ...headers } = signRequest({
    method,
    url,
    headers: { "content-type": "application/json" },
    body: text,
    credentials: connection,
    region: connection.region,
    service: "hearth",
    timeMs: Date.now(),
  });
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers,
      ...(text === "" ? {} : { body: text }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new CommandError(
      `Nothing answers at ${connection.endpoint}`,
      "Start the server with `hearth up`, or name its address with --endpoint URL.",
      { cause: error },
    );
  }
  if (response.ok) return response;
  throw new CommandError(await failureOf(response));
}

export async function adminJson(connection: Connection, request: AdminRequest): Promise<unknown> {
  return await (await adminRequest(connection, request)).json();
}

async function failureOf(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const parsed = JSON.parse(text) as { message?: unknown; Message?: unknown };
    const message = parsed.message ?? parsed.Message;
    if (typeof message === "string") return message;
  } catch {
    // not JSON: the text itself is the best there is
  }
  return `The server answered ${response.status}: ${text.slice(0, 200)}`;
}

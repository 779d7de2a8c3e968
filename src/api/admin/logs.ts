import { PlatformError } from "../../base/mod.ts";
import type { AuthenticatedRequest, HttpResponse } from "../http/request.ts";
import type { AdminPorts } from "./ports.ts";

const LINES_DEFAULT = 100;
/** Lines of one answer before it follows; ours. */
const LINES_MAX = 10_000;

/**
 * `GET /_hearth/functions/{name}/logs?lines=N&follow=1`: the last lines as text, then, when asked
 * to follow, every new one until the client goes away.
 */
export async function functionLogs(
  ports: AdminPorts,
  request: AuthenticatedRequest,
  [name = ""]: readonly string[],
): Promise<HttpResponse> {
  const { owner } = request.identity;
  const lines = linesOf(request.query.get("lines"));
  const follow = ["1", "true", ""].includes(request.query.get("follow") ?? "no");
  await requireFunction(ports, request, name);
  const last = lines === 0 ? Buffer.alloc(0) : await ports.logs.tail(owner, name, lines);
  const headers = { "Content-Type": "text/plain; charset=utf-8" };
  if (!follow) return { status: 200, headers, body: last };
  return { status: 200, headers, body: followed(ports, request, name, last) };
}

async function requireFunction(
  ports: AdminPorts,
  request: AuthenticatedRequest,
  name: string,
): Promise<void> {
  // The name becomes part of a file's path: nothing but a function's name may pass.
  if (/^[a-zA-Z0-9-_]{1,64}$/.test(name)) {
    await ports.functions.get(request.identity.owner, name);
    return;
  }
  throw new PlatformError(
    { kind: "invalid", field: "name" },
    `Function name must be 1 to 64 letters, digits, hyphens or underscores: ${name.slice(0, 80)}`,
  );
}

async function* followed(
  ports: AdminPorts,
  request: AuthenticatedRequest,
  name: string,
  last: Buffer,
): AsyncIterable<Buffer> {
  if (last.length > 0) yield last;
  yield* ports.logs.follow(request.identity.owner, name, request.signal);
}

function linesOf(text: string | null): number {
  if (text === null) return LINES_DEFAULT;
  const lines = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  if (lines >= 0 && lines <= LINES_MAX) return lines;
  throw new PlatformError(
    { kind: "invalid", field: "lines" },
    `Lines must be between 0 and ${LINES_MAX}: ${text.slice(0, 20)}`,
  );
}

import type { CallArtefacts } from "../../host/mod.ts";
import type { AuthenticatedRequest, HttpResponse } from "../http/request.ts";
import { requirePerson } from "./policies.ts";
import type { AdminPorts } from "./ports.ts";
import { json } from "./views.ts";

/**
 * `GET /_hearth/invocations/{requestId}/artifacts`: what sidecars made of a call of the asking
 * owner. Waits for those that still flush, two seconds at most.
 */
export async function artifacts(
  { invoker, sidecars: { manager } }: AdminPorts,
  request: AuthenticatedRequest,
  [requestId = ""]: readonly string[],
): Promise<HttpResponse> {
  const { owner } = requirePerson(request);
  const { artefacts, warnings } = await manager.artefacts(owner, requestId).catch((error) => {
    // A call without sidecars, or whose sidecars made nothing.
    if (invoker.decisionRecord(owner, requestId) !== undefined) return NOTHING;
    throw error;
  });
  return json(200, { requestId, artifacts: artefacts, warnings });
}

/** `GET /_hearth/invocations/{requestId}/artifacts/{name}`: one of them as it is. */
export async function artifact(
  { sidecars: { manager } }: AdminPorts,
  request: AuthenticatedRequest,
  [requestId = "", name = ""]: readonly string[],
): Promise<HttpResponse> {
  const { owner } = requirePerson(request);
  const { type, bytes } = await manager.artefact(owner, requestId, name);
  return { status: 200, headers: { ...DOWNLOAD_HEADERS, "Content-Type": type }, body: bytes };
}

/** `GET /_hearth/sinks`: the files that the owner's sidecars write to. */
export async function sinks(
  { sidecars: { files } }: AdminPorts,
  request: AuthenticatedRequest,
): Promise<HttpResponse> {
  const { owner } = requirePerson(request);
  return json(200, { sinks: await files.list(owner) });
}

/** `GET /_hearth/sinks/{name}` */
export async function sink(
  { sidecars: { files } }: AdminPorts,
  request: AuthenticatedRequest,
  [name = ""]: readonly string[],
): Promise<HttpResponse> {
  const { owner } = requirePerson(request);
  const headers = { ...DOWNLOAD_HEADERS, "Content-Type": "application/x-ndjson" };
  return { status: 200, headers, body: await files.read(owner, name) };
}

const NOTHING: Pick<CallArtefacts, "artefacts" | "warnings"> = { artefacts: [], warnings: [] };

/** A sidecar chose name and type: a browser must take neither for a page of this origin. */
const DOWNLOAD_HEADERS: Readonly<Record<string, string>> = {
  "Content-Disposition": "attachment",
  "X-Content-Type-Options": "nosniff",
};

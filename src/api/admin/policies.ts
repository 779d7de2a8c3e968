import { PlatformError } from "../../base/mod.ts";
import { INSTRUMENT_NAMES, type InstrumentName, LIBRARY_SIDECARS } from "../../model/mod.ts";
import type { AuthenticatedRequest, HttpResponse } from "../http/request.ts";
import type { AdminPorts } from "./ports.ts";
import { json } from "./views.ts";

/**
 * `GET /_hearth/policy` and `GET /_hearth/functions/{name}/policy?qualifier=Q`: what was set, with
 * defaults filled in; 404 when nothing was.
 */
export async function getPolicy(
  { sidecars: { registry } }: AdminPorts,
  request: AuthenticatedRequest,
  [name]: readonly string[],
): Promise<HttpResponse> {
  const { owner } = requirePerson(request);
  const qualifier = request.query.get("qualifier") ?? undefined;
  const policy =
    name === undefined
      ? registry.ownerPolicy(owner)
      : await registry.functionPolicy(owner, name, qualifier);
  if (policy !== undefined) return json(200, policy);
  throw new PlatformError(
    { kind: "not_found", resource: "policy", id: name ?? owner },
    name === undefined ? "The owner has no policy" : `Function ${name} has no policy`,
  );
}

/** `PUT /_hearth/policy` and `PUT /_hearth/functions/{name}/policy` with a policy in JSON. */
export async function putPolicy(
  { sidecars: { registry } }: AdminPorts,
  request: AuthenticatedRequest,
  [name]: readonly string[],
): Promise<HttpResponse> {
  const { owner } = requirePerson(request);
  const value = jsonIn(request.body);
  const policy =
    name === undefined
      ? await registry.setOwnerPolicy(owner, value)
      : await registry.setFunctionPolicy(owner, name, value);
  return json(200, policy);
}

/** `DELETE` of either: deleting what is not there succeeds. */
export async function deletePolicy(
  { sidecars: { registry } }: AdminPorts,
  request: AuthenticatedRequest,
  [name]: readonly string[],
): Promise<HttpResponse> {
  const { owner } = requirePerson(request);
  if (name === undefined) await registry.setOwnerPolicy(owner, undefined);
  else await registry.setFunctionPolicy(owner, name, undefined);
  return { status: 204, headers: {}, body: "" };
}

/** `GET /_hearth/sidecars`: the library's, the owner's own, and those that run now. */
export function listSidecars(
  { sidecars: { registry, manager } }: AdminPorts,
  request: AuthenticatedRequest,
): HttpResponse {
  const { owner } = requirePerson(request);
  const own = registry.packages(owner);
  return json(200, { library: LIBRARY_SIDECARS, own, running: manager.running(owner) });
}

/** `PUT /_hearth/sidecars/{name}?instruments=profiler,capture` with a zip as its body. */
export async function registerSidecar(
  { sidecars: { registry } }: AdminPorts,
  request: AuthenticatedRequest,
  [name = ""]: readonly string[],
): Promise<HttpResponse> {
  const { owner } = requirePerson(request);
  const instruments = instrumentsIn(request.query.get("instruments") ?? "");
  const registered = await registry.register(owner, { name, zip: request.body, instruments });
  return json(registered.revision === 1 ? 201 : 200, registered);
}

/** `DELETE /_hearth/sidecars/{name}` */
export async function removeSidecar(
  { sidecars: { registry } }: AdminPorts,
  request: AuthenticatedRequest,
  [name = ""]: readonly string[],
): Promise<HttpResponse> {
  const { owner } = requirePerson(request);
  await registry.remove(owner, name);
  return { status: 204, headers: {}, body: "" };
}

/**
 * Sidecars see what functions do: a function's own keys, though its owner's, must not reach them.
 * @throws PlatformError kind "forbidden" for keys of a function
 */
export function requirePerson({
  identity,
}: AuthenticatedRequest): AuthenticatedRequest["identity"] {
  if (!identity.arn.includes(":assumed-role/hearth-function/")) return identity;
  throw new PlatformError(
    { kind: "forbidden", action: "use sidecars", resource: "sidecars" },
    `${identity.arn} may not use sidecars: they are out of reach of functions`,
  );
}

function instrumentsIn(text: string): readonly InstrumentName[] {
  const names = text.split(",").filter((name) => name !== "");
  return names.map((name) => {
    const instrument = INSTRUMENT_NAMES.find((known) => known === name);
    if (instrument !== undefined) return instrument;
    throw new PlatformError(
      { kind: "invalid", field: "instruments" },
      `instruments names ${name.slice(0, 64)}, wanted one of ${INSTRUMENT_NAMES.join(", ")}`,
    );
  });
}

function jsonIn(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (cause) {
    throw new PlatformError({ kind: "invalid", field: "policy" }, "policy is not JSON", { cause });
  }
}

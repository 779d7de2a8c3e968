import { PlatformError } from "../../base/mod.ts";
import type { AuthenticatedRequest, HttpResponse } from "../http/request.ts";
import type { AdminPorts } from "./ports.ts";
import { json } from "./views.ts";

/** `PUT /_hearth/signing-profiles/{name}` with `{"publicKey": PEM}`: answers with its new ARN. */
export async function putSigningProfile(
  ports: AdminPorts,
  request: AuthenticatedRequest,
  [name = ""]: readonly string[],
): Promise<HttpResponse> {
  const { owner } = request.identity;
  return json(200, await ports.signingProfiles.put(owner, name, publicKeyIn(request.body)));
}

/** `GET /_hearth/signing-profiles/{name}` */
export async function getSigningProfile(
  ports: AdminPorts,
  request: AuthenticatedRequest,
  [name = ""]: readonly string[],
): Promise<HttpResponse> {
  return json(200, await ports.signingProfiles.get(request.identity.owner, name));
}

/** `DELETE /_hearth/signing-profiles/{name}`: what it signed is not accepted any more. */
export async function deleteSigningProfile(
  ports: AdminPorts,
  request: AuthenticatedRequest,
  [name = ""]: readonly string[],
): Promise<HttpResponse> {
  await ports.signingProfiles.delete(request.identity.owner, name);
  return { status: 204, headers: {}, body: "" };
}

function publicKeyIn(body: Buffer): string {
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch (cause) {
    throw new PlatformError({ kind: "invalid", field: "body" }, "Body is not JSON", { cause });
  }
  if (typeof value === "object" && value !== null && "publicKey" in value) {
    if (typeof value.publicKey === "string") return value.publicKey;
  }
  throw new PlatformError(
    { kind: "invalid", field: "publicKey" },
    'Body must be an object with a string "publicKey"',
  );
}

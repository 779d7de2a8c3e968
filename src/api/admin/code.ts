import { PlatformError } from "../../base/mod.ts";
import { isOwner } from "../../model/mod.ts";
import type { AuthenticatedRequest, HttpResponse } from "../http/request.ts";
import type { AdminPorts } from "./ports.ts";

/**
 * `GET /_hearth/code/{owner}/{sha256}`: the zip behind GetFunction's Code.Location, which is this
 * path presigned in the owner's name.
 */
export async function downloadCode(
  ports: AdminPorts,
  request: AuthenticatedRequest,
  [owner = "", sha256Hex = ""]: readonly string[],
): Promise<HttpResponse> {
  if (!isOwner(owner) || owner !== request.identity.owner || !/^[0-9a-f]{64}$/.test(sha256Hex)) {
    throw new PlatformError(
      { kind: "not_found", resource: "code", id: sha256Hex.slice(0, 64) },
      "The owner who signed has no such code",
    );
  }
  const body = await ports.code(owner, sha256Hex);
  return { status: 200, headers: { "Content-Type": "application/zip" }, body };
}

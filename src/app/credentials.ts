import { presign } from "../api/mod.ts";
import type { Clock } from "../base/mod.ts";
import type { CredentialSource } from "../host/mod.ts";
import type { Owner } from "../model/mod.ts";
import type { Accounts } from "../registry/mod.ts";

/** Keys of an environment outlive it: environments end after half this time. */
const FUNCTION_CREDENTIAL_SECONDS = 12 * 3600;
/** AWS: a Code.Location is good for ten minutes. */
const CODE_LOCATION_SECONDS = 600;

/** Short-lived keys of a function's owner, for the calls it makes from inside. */
export function functionCredentials(accounts: Accounts): CredentialSource {
  return (owner, functionName) =>
    accounts.issue({
      owner,
      roleName: "hearth-function",
      sessionName: functionName,
      lifetimeSeconds: FUNCTION_CREDENTIAL_SECONDS,
    });
}

/** Makes the presigned URLs under which GetFunction offers a package. */
export function codeLocation(
  accounts: Accounts,
  region: string,
  clock: Clock,
): (owner: Owner, sha256: string, origin: string) => string {
  return (owner, sha256, origin) => {
    const hex = Buffer.from(sha256, "base64").toString("hex");
    const credentials = accounts.issue({
      owner,
      roleName: "hearth-code",
      sessionName: "download",
      lifetimeSeconds: CODE_LOCATION_SECONDS,
    });
    return presign({
      method: "GET",
      url: `${origin}/_hearth/code/${owner}/${hex}`,
      credentials,
      region,
      service: "hearth",
      expiresSeconds: CODE_LOCATION_SECONDS,
      timeMs: clock.now(),
    });
  };
}

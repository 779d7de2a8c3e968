import { assert } from "../../base/mod.ts";
import { canonicalQuery, canonicalRequest } from "./canonical.ts";
import type { SigningCredentials } from "./sign.ts";
import { ALGORITHM, deriveSigningKey, sha256Hex, signatureOf } from "./signing-key.ts";
import { PRESIGNED_SECONDS_MAX, timestampOf, UNSIGNED_PAYLOAD } from "./sigv4.ts";

export interface UrlToSign {
  readonly method: string;
  readonly url: string;
  readonly credentials: SigningCredentials;
  readonly region: string;
  readonly service: string;
  /** 1 to 604,800. */
  readonly expiresSeconds: number;
  /** Wall clock, milliseconds since 1970. */
  readonly timeMs: number;
}

/**
 * A URL that carries its own permission: whoever has it may send this method to this path, without
 * a body, until it expires. Accepted by Hearth and by anything that verifies Signature Version 4.
 */
export function presign(request: UrlToSign): string {
  const { method, credentials, region, service, expiresSeconds } = request;
  assert(
    Number.isInteger(expiresSeconds) &&
      expiresSeconds >= 1 &&
      expiresSeconds <= PRESIGNED_SECONDS_MAX,
    "A presigned URL lives 1 second to 7 days",
  );
  const url = new URL(request.url);
  const timestamp = timestampOf(request.timeMs);
  const date = timestamp.slice(0, 8);
  const scope = `${date}/${region}/${service}/aws4_request`;
  url.searchParams.set("X-Amz-Algorithm", ALGORITHM);
  url.searchParams.set("X-Amz-Credential", `${credentials.accessKeyId}/${scope}`);
  url.searchParams.set("X-Amz-Date", timestamp);
  url.searchParams.set("X-Amz-Expires", String(expiresSeconds));
  if (credentials.sessionToken !== undefined) {
    url.searchParams.set("X-Amz-Security-Token", credentials.sessionToken);
  }
  url.searchParams.set("X-Amz-SignedHeaders", "host");
  const query = canonicalQuery(url.search.slice(1));
  const canonical = canonicalRequest(
    { method, path: url.pathname, query, headers: { host: url.host } },
    service,
    query,
    "host",
    service === "s3" ? UNSIGNED_PAYLOAD : sha256Hex(""),
  );
  const key = deriveSigningKey(credentials.secretAccessKey, date, region, service);
  const signature = signatureOf(key, timestamp, scope, canonical ?? "");
  return `${url.origin}${url.pathname}?${query}&X-Amz-Signature=${signature}`;
}

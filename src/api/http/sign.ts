import { canonicalQuery, canonicalRequest } from "./canonical.ts";
import { ALGORITHM, deriveSigningKey, sha256Hex, signatureOf } from "./signing-key.ts";
import { timestampOf } from "./sigv4.ts";

export interface SigningCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface RequestToSign {
  readonly method: string;
  readonly url: URL;
  /** Further headers to sign and send. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  readonly credentials: SigningCredentials;
  readonly region: string;
  readonly service: string;
  /** Wall clock, milliseconds since 1970. */
  readonly timeMs: number;
}

/**
 * Signs a request with Signature Version 4, for clients of Hearth such as its own command line.
 * Pure: the clock is an argument, nothing is sent.
 * @returns every header to send, lower-case names, `host` included
 */
export function signRequest(request: RequestToSign): Record<string, string> {
  const { method, url, credentials, region, service } = request;
  const timestamp = timestampOf(request.timeMs);
  const payloadHash = sha256Hex(request.body ?? "");
  const headers: Record<string, string> = {
    host: url.host,
    "x-amz-content-sha256": payloadHash,
    "x-amz-date": timestamp,
  };
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    headers[name.toLowerCase()] = value;
  }
  if (credentials.sessionToken !== undefined) {
    headers["x-amz-security-token"] = credentials.sessionToken;
  }
  const signedHeaders = Object.keys(headers).sort().join(";");
  const query = url.search.slice(1);
  const canonical = canonicalRequest(
    { method, path: url.pathname, query, headers },
    service,
    canonicalQuery(query),
    signedHeaders,
    payloadHash,
  );
  const date = timestamp.slice(0, 8);
  const scope = `${date}/${region}/${service}/aws4_request`;
  const key = deriveSigningKey(credentials.secretAccessKey, date, region, service);
  const signature = signatureOf(key, timestamp, scope, canonical ?? "");
  headers.authorization =
    `${ALGORITHM} Credential=${credentials.accessKeyId}/${scope}, ` +
    `SignedHeaders=${signedHeaders}, Signature=${signature}`;
  return headers;
}

import assert from "node:assert/strict";
import { createHash, createHmac, type Hash, type Hmac } from "node:crypto";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { Metrics, PlatformError, secureRandom, silentLog, systemClock } from "../../base/mod.ts";
import { ownerOf } from "../../model/mod.ts";
import { jsonFailure } from "./failure.ts";
import type { ServiceHandler } from "./request.ts";
import type { HttpServerOptions } from "./server.ts";
import {
  type AdminHandler,
  type CredentialLookup,
  createHttpServer,
  type HttpEdge,
} from "./server.ts";
import { type RequestToSign, signRequest } from "./sign.ts";

/** Set-up for tests and benchmarks of the edge. */

/** The keys of AWS's own examples. */
export const credentials = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
} as const;

/** The hash that the SDK's signer asks for. */
export class Sha256 {
  readonly #hash: Hash | Hmac;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret
      ? createHmac(
          "sha256",
          typeof secret === "string" ? secret : Buffer.from(secret as Uint8Array),
        )
      : createHash("sha256");
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(typeof data === "string" ? data : (data as Uint8Array));
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {}
}

/** Knows the one key above; answers at once, as a warm cache does. */
export const oneAccount: CredentialLookup = {
  credential(accessKeyId) {
    if (accessKeyId !== credentials.accessKeyId) {
      throw new PlatformError(
        { kind: "unauthenticated", reason: "unknown_key" },
        "The security token included in the request is invalid.",
      );
    }
    return ONE_CREDENTIAL;
  },
};

const ONE_CREDENTIAL = {
  principal: {
    owner: ownerOf("000000000000"),
    accessKeyId: credentials.accessKeyId,
    operator: true,
    arn: "arn:aws:iam::000000000000:root",
    userId: "000000000000",
  },
  secretAccessKey: credentials.secretAccessKey,
};

/** Answers with what it got. */
export const echo: ServiceHandler = {
  async handle({ method, path, body, query, identity, service }) {
    const seen = { method, path, service, owner: identity.owner, bytes: body.length };
    const answer = JSON.stringify({ ...seen, query: [...query] });
    return { status: 200, headers: { "Content-Type": "application/json" }, body: answer };
  },
  failure: jsonFailure,
};

export const healthOnly: AdminHandler = {
  ...echo,
  unsigned(_method, path, fromSandbox) {
    const answer = { status: 200, headers: {}, body: "fine" };
    if (path === "/health") return answer;
    return path === "/metrics" && !fromSandbox ? answer : undefined;
  },
};

/** An edge with the echo service behind "lambda" and whatever `options` change. */
export function createTestEdge(options: Partial<HttpServerOptions> = {}): HttpEdge {
  return createHttpServer({
    services: { lambda: echo },
    admin: healthOnly,
    accounts: oneAccount,
    clock: systemClock,
    random: secureRandom,
    log: silentLog,
    metrics: new Metrics(),
    ...options,
  });
}

/** Headers of a request to `url`, signed now for Lambda unless told otherwise. */
export function signed(
  url: string,
  request: Partial<Omit<RequestToSign, "url">> = {},
): Record<string, string> {
  return signRequest({
    method: "GET",
    url: new URL(url),
    credentials,
    region: "us-east-1",
    service: "lambda",
    timeMs: Date.now(),
    ...request,
  });
}

/** A request as bytes. */
export function requestBytes(
  method: string,
  target: string,
  headers: Readonly<Record<string, string>>,
  body: string | Buffer = "",
): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), Buffer.from(body)]);
}

/** Sends bytes as they are and returns all that comes back until the server hangs up. */
export async function exchangeBytes(port: number, ...parts: (Buffer | string)[]): Promise<string> {
  const socket = await connected(port);
  for (const part of parts) socket.write(part);
  return await text(socket);
}

export function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => resolve(socket));
    socket.once("error", reject);
  });
}

export interface Running extends AsyncDisposable {
  readonly edge: HttpEdge;
  readonly port: number;
  readonly url: string;
}

export async function start(options: Partial<HttpServerOptions> = {}): Promise<Running> {
  const edge = createTestEdge(options);
  const { port } = await edge.listen({ host: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${port}`;
  return { edge, port, url, [Symbol.asyncDispose]: () => edge[Symbol.asyncDispose]() };
}

export async function assertHealthy({ url }: Running): Promise<void> {
  const response = await fetch(`${url}/health`);
  assert.equal(await response.text(), "fine");
  const listed = await fetch(`${url}/2015-03-31/functions`, {
    headers: signed(`${url}/2015-03-31/functions`),
  });
  assert.equal(listed.status, 200);
  await listed.body?.cancel();
}

export function serviceOf(handle: ServiceHandler["handle"]): ServiceHandler {
  return { handle, failure: jsonFailure };
}

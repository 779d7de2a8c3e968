import { lookup } from "node:dns/promises";
import { type ClientRequest, request as httpRequest, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { BlockList, isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { messageOf, PlatformError } from "../../base/mod.ts";
import { limits, type Owner } from "../../model/mod.ts";

/** One request that a sidecar wants sent. */
export interface Delivery {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/**
 * Sends requests for sidecars, which have no network. Only to outside addresses: never to this
 * machine, its networks or link-local services, unless the operator has allowed the address. A name
 * is resolved once, and the address that was checked is the one connected to; redirects are not
 * followed.
 */
export class HttpSinks {
  readonly #allowed: readonly URL[];
  readonly #underWay = new Map<Owner, number>();

  /** @param allowed URL prefixes that may lead anywhere */
  constructor(allowed: readonly string[]) {
    this.#allowed = allowed.map((prefix) => new URL(prefix));
  }

  /**
   * Resolves with the status of the answer.
   * @throws PlatformError kinds "forbidden" (where it leads), "invalid", "overloaded",
   *   "unavailable"
   */
  async deliver(owner: Owner, delivery: Delivery): Promise<number> {
    const count = this.#underWay.get(owner) ?? 0;
    if (count >= limits.DELIVERIES_PER_OWNER_MAX) {
      throw new PlatformError(
        { kind: "overloaded", queue: "deliveries" },
        `${count} deliveries are under way already`,
      );
    }
    this.#underWay.set(owner, count + 1);
    try {
      return await this.#deliver(delivery);
    } finally {
      const left = (this.#underWay.get(owner) ?? 1) - 1;
      if (left > 0) this.#underWay.set(owner, left);
      else this.#underWay.delete(owner);
    }
  }

  async #deliver(delivery: Delivery): Promise<number> {
    const url = checkedUrl(delivery.url);
    const signal = AbortSignal.timeout(limits.DELIVERY_MS_MAX);
    try {
      const address = await this.#addressFor(url);
      return await send(url, address, delivery, signal);
    } catch (error) {
      if (error instanceof PlatformError) throw error;
      const reason = signal.aborted ? "no answer in time" : messageOf(error);
      throw new PlatformError(
        { kind: "unavailable", what: "sink" },
        `Delivery to ${url.origin} failed: ${reason}`,
        { cause: error },
      );
    }
  }

  async #addressFor(url: URL): Promise<{ address: string; family: number }> {
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const found = isIP(host)
      ? [{ address: host, family: isIP(host) }]
      : await lookup(host, { all: true });
    const isAllowed = this.#allowed.some((prefix) => isBelow(url, prefix));
    const usable = found.find(({ address }) => isAllowed || isOutside(address));
    if (usable !== undefined) return usable;
    throw new PlatformError(
      { kind: "forbidden", action: "deliver", resource: url.origin },
      `${url.origin} leads to this machine or its networks; the operator allows it with ` +
        `hearth up --allow-sink ${url.origin}/`,
    );
  }
}

function isBelow(url: URL, prefix: URL): boolean {
  const { pathname } = prefix;
  const below = pathname.endsWith("/") ? pathname : `${pathname}/`;
  const isInside = url.pathname === pathname || url.pathname.startsWith(below);
  return url.origin === prefix.origin && isInside;
}

function checkedUrl(text: string): URL {
  const url = URL.parse(text);
  const fits = url !== null && /^https?:$/.test(url.protocol) && url.username + url.password === "";
  if (fits) return url;
  throw new PlatformError({ kind: "invalid", field: "url" }, "Sink is not an http or https URL");
}

/** Networks that no sink of an owner may be in; RFC 6890 and its companions. */
const INSIDE: readonly string[] = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "224.0.0.0/3",
  "::/96",
  "::ffff:0:0:0/96",
  "64:ff9b::/96",
  "64:ff9b:1::/48",
  "2001::/32",
  "2002::/16",
  "fc00::/7",
  "fe80::/10",
  "fec0::/10",
  "ff00::/8",
];

/** False for addresses of this machine and of networks that are nobody else's. */
export function isOutside(address: string): boolean {
  if (isIP(address) === 0) return false;
  const family = familyOf(address);
  const own = new BlockList();
  for (const found of Object.values(networkInterfaces()).flat()) {
    if (found !== undefined) own.addAddress(found.address, familyOf(found.address));
  }
  return !insideNetworks.check(address, family) && !own.check(address, family);
}

const insideNetworks: BlockList = new BlockList();
for (const network of INSIDE) {
  const [base = "", bits = ""] = network.split("/");
  insideNetworks.addSubnet(base, Number(bits), familyOf(base));
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return address.includes(":") ? "ipv6" : "ipv4";
}

/** Connects to `address`, whatever the URL's name resolves to by now. */
function send(
  url: URL,
  { address, family }: { readonly address: string; readonly family: number },
  { method, headers, body }: Delivery,
  signal: AbortSignal,
): Promise<number> {
  const options: RequestOptions = {
    method,
    headers: { ...headers, "content-length": String(body.length) },
    agent: false,
    signal,
    lookup: (_name, { all }, done) => {
      if (all === true) done(null, [{ address, family }]);
      else done(null, address, family);
    },
  };
  return new Promise((resolve, reject) => {
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    const outgoing: ClientRequest = send(url, options, (response) => {
      resolve(response.statusCode ?? 0);
      // Nobody reads the answer.
      response.destroy();
    });
    outgoing.on("error", reject);
    // An answer that would turn the connection into a tunnel ends it without any other event.
    outgoing.on("close", () => reject(new Error("the connection ended without an answer")));
    outgoing.end(body);
  });
}

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { runCommand } from "./command.ts";
import { interfacePrefix, tableName } from "./names.ts";

/** The pair of addresses that joins one sandbox to the host. */
export interface Wire {
  readonly interface: string;
  readonly host: string;
  readonly guest: string;
}

/** Sandboxes of one server that can be wired at a time. */
export const WIRES_MAX = 1024;

/** Bits of a server's block: two addresses for each wire. */
const BLOCK_PREFIX = 21;
const ADDRESSES_PER_BLOCK = 2 ** (32 - BLOCK_PREFIX);

/** Ours unless the host already routes them elsewhere: /16 blocks that few networks use. */
const RANGES = ["10.213.0.0", "10.197.0.0", "172.29.0.0", "198.18.0.0"];
const RANGE_PREFIX = 16;

/**
 * Addresses that lead nowhere a function has business: this network, loopback, link-local (where
 * clouds keep their metadata services), multicast and reserved.
 */
const REFUSED_DESTINATIONS = [
  "0.0.0.0/8",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "100.100.100.200/32",
  "224.0.0.0/3",
];

const FORWARDING = "/proc/sys/net/ipv4/ip_forward";

/**
 * How sandboxes reach the outside: each has an interface pair, the host forwards and hides them
 * behind its own address, and one nft table of this server's keeps them from everything else: the
 * host's own addresses, each other, link-local services, forged senders.
 */
export class Network {
  readonly #id: string;
  readonly #block: number;

  private constructor(id: string, block: number) {
    this.#id = id;
    this.#block = block;
  }

  /**
   * Prepares the host.
   * @param id eight hexadecimal digits of the data directory
   * @param lease a number in 0..31 that no other server of this host has
   * @returns a sentence that says why not, when the host cannot
   */
  static async open(id: string, lease: number): Promise<Network | string> {
    const block = chooseBlock(lease, readFileSync("/proc/net/route", "latin1"));
    if (block === undefined) return "Every private address range for sandboxes is in use";
    const table = await runCommand("nft", ["-f", "-"], rules(id, block));
    if (!table.ok) return `nft refused the rules: ${table.output}`;
    if (!allowForwarding()) return `${FORWARDING} cannot be set to 1`;
    return new Network(id, block);
  }

  /** The wire number `slot`, 0 <= slot < WIRES_MAX. */
  wire(slot: number): Wire {
    const host = this.#block + slot * 2;
    return {
      interface: `${interfacePrefix(this.#id)}${slot.toString(36)}`,
      host: addressText(host),
      guest: addressText(host + 1),
    };
  }

  async close(): Promise<void> {
    await runCommand("nft", ["delete", "table", "inet", tableName(this.#id)]);
  }
}

/** Whether the host forwards packets now. */
export function forwards(): boolean {
  return existsSync(FORWARDING) && readFileSync(FORWARDING, "latin1").trim() === "1";
}

function allowForwarding(): boolean {
  if (forwards()) return true;
  try {
    writeFileSync(FORWARDING, "1");
  } catch {
    return false;
  }
  return forwards();
}

/** The first range whose addresses no present route names; the block in it is the server's own. */
export function chooseBlock(lease: number, routes: string): number | undefined {
  const range = RANGES.map(addressNumber).find((start) => !collides(start, routes));
  return range === undefined ? undefined : range + lease * ADDRESSES_PER_BLOCK;
}

/** /proc/net/route: interface, destination, gateway, …, mask in column 7; little-endian hex. */
function collides(range: number, routes: string): boolean {
  const rangeMask = maskOf(RANGE_PREFIX);
  return routes
    .split("\n")
    .slice(1)
    .map((line) => line.split("\t"))
    .some(([name = "", destination = "0", , , , , , mask = "0"]) => {
      const routeMask = littleEndian(mask);
      const ours = /^h[0-9a-f]{8}-/.test(name); // another server's wire lies in its own block
      if (routeMask === 0 || ours) return false;
      const common = (routeMask & rangeMask) >>> 0;
      return (littleEndian(destination) & common) >>> 0 === (range & common) >>> 0;
    });
}

function littleEndian(hex: string): number {
  return Buffer.from(hex.padStart(8, "0"), "hex").readUInt32LE(0);
}

function maskOf(prefix: number): number {
  return (0xffffffff << (32 - prefix)) >>> 0;
}

function addressNumber(text: string): number {
  return text.split(".").reduce((number, part) => number * 256 + Number(part), 0);
}

function addressText(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join(".");
}

/** The whole table, replaced in one step. */
function rules(id: string, block: number): string {
  const table = `inet ${tableName(id)}`;
  const ours = `"${interfacePrefix(id)}*"`;
  return `
table ${table} {}
delete table ${table}
table ${table} {
  chain prerouting {
    type filter hook prerouting priority -300; policy accept;
    iifname ${ours} meta nfproto ipv6 drop
    iifname ${ours} fib saddr . iif oif missing drop
  }
  chain input {
    type filter hook input priority 0; policy accept;
    iifname ${ours} drop
  }
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname ${ours} oifname ${ours} drop
    iifname ${ours} ip daddr { ${REFUSED_DESTINATIONS.join(", ")} } drop
    oifname ${ours} ct state != { established, related } drop
  }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    ip saddr ${addressText(block)}/${BLOCK_PREFIX} masquerade
  }
}
`;
}

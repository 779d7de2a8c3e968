import { LINEAGE_FUNCTIONS_MAX } from "./limits.ts";

/**
 * How often functions ran in one chain of calls, as the trace header carries it on:
 * `Root=…;Parent=…;Sampled=…;Lineage=HASH:RUNS|HASH:RUNS`, where RUNS counts the runs before the
 * present one. SDKs inside functions send the header with every request that they make.
 * Sources: https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html,
 * https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html
 */
export interface Passage {
  /** The header that the function gets. */
  readonly traceId: string;
  /** Runs of the function in this chain so far. */
  readonly runs: number;
}

const LINEAGE = "Lineage=";
const ENTRY: RegExp = /^[0-9a-f]{8}:\d{1,5}$/;

/**
 * Notes in a trace header that a function is about to run; what is malformed in it is dropped.
 * @param identity the function without its version, in any one form
 */
export function passThrough(traceHeader: string, identity: string): Passage {
  const hash = hashOf(identity);
  if (!traceHeader.includes(LINEAGE)) {
    return { traceId: `${traceHeader};${LINEAGE}${hash}:0`, runs: 0 };
  }
  const fields = traceHeader.split(";");
  const lineage = fields.find((field) => field.startsWith(LINEAGE)) ?? "";
  const entries = lineage
    .slice(LINEAGE.length)
    .split("|")
    .filter((entry) => ENTRY.test(entry));
  const own = entries.find((entry) => entry.startsWith(hash));
  const runs = own === undefined ? 0 : Number(own.slice(hash.length + 1)) + 1;
  const others = entries.filter((entry) => entry !== own).slice(1 - LINEAGE_FUNCTIONS_MAX);
  const rest = fields.filter((field) => !field.startsWith(LINEAGE));
  const renewed = `${LINEAGE}${[...others, `${hash}:${runs}`].join("|")}`;
  return { traceId: [...rest, renewed].join(";"), runs };
}

/** FNV-1a in 32 bits: names need no secrecy here, only a short form. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}

import { createHash } from "node:crypto";

/**
 * Names of what a server makes on the host. All carry the same eight hexadecimal digits of the
 * data directory, so that the next server there finds what a killed one left.
 */

/** @param dataId as in ProcessDriverOptions */
export function hostId(dataId: string): string {
  return createHash("sha256").update(dataId).digest("hex").slice(0, 8);
}

/** The server's own cgroup, parent of all instances'. */
export function groupName(id: string): string {
  return `hearth-${id}`;
}

/** Start of all interface names; at most 15 characters with the wire's number. */
export function interfacePrefix(id: string): string {
  return `h${id}-`;
}

/** The nft table. */
export function tableName(id: string): string {
  return `hearth_${id}`;
}

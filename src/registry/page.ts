import { PlatformError } from "../base/mod.ts";

/** Part of a longer list; `next` continues it. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Marker to give to the next call; absent on the last page. */
  readonly next?: string;
}

export interface PageRequest {
  /** Where an earlier page said to continue. */
  readonly marker?: string;
  /** Items wanted; never more than AWS gives at once. */
  readonly limit?: number;
}

/** Items on one page. AWS: "returns a maximum of 50 items in each response". */
export const PAGE_ITEMS_MAX = 50;

export function pageLimit(request: PageRequest): number {
  return Math.min(request.limit ?? PAGE_ITEMS_MAX, PAGE_ITEMS_MAX);
}

/** Markers are opaque to clients: the last key of a page, without its owner. */
export function encodeMarker(position: string): string {
  return Buffer.from(position).toString("base64url");
}

/** @throws PlatformError kind "invalid" when no page ended there */
export function decodeMarker(marker: string): string {
  const position = Buffer.from(marker, "base64url").toString();
  if (position !== "" && encodeMarker(position) === marker) return position;
  throw new PlatformError({ kind: "invalid", field: "Marker" }, "Invalid pagination token");
}

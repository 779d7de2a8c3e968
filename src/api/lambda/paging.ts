import type { PageRequest } from "../../registry/mod.ts";
import { validationError } from "./errors.ts";
import { violation } from "./validation.ts";

const MAX_ITEMS_MIN = 1;
const MAX_ITEMS_MAX = 10_000;

/** Marker and MaxItems of a list operation's query. */
export function pageRequestOf(
  query: URLSearchParams,
  maxItemsMax: number = MAX_ITEMS_MAX,
): PageRequest {
  const marker = query.get("Marker");
  const maxItems = query.get("MaxItems");
  return {
    ...(marker ? { marker } : {}),
    ...(maxItems === null ? {} : { limit: maxItemsOf(maxItems, maxItemsMax) }),
  };
}

function maxItemsOf(text: string, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= MAX_ITEMS_MIN && value <= most) return value;
  const constraint =
    value > most
      ? `Member must have value less than or equal to ${most}`
      : `Member must have value greater than or equal to ${MAX_ITEMS_MIN}`;
  throw validationError([violation(text, "maxItems", constraint)]);
}

/** NextMarker as a list answers it: absent on the last page. */
export function nextMarkerShape(next: string | undefined): { NextMarker?: string } {
  return next === undefined ? {} : { NextMarker: next };
}

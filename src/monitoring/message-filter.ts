import { PlatformError } from "../base/mod.ts";

/** Whether an event's message is wanted. */
export type MessageFilter = (message: Buffer) => boolean;

export function invalidPattern(reason: string): PlatformError {
  return new PlatformError(
    { kind: "invalid", field: "filterPattern" },
    `Invalid filter pattern: ${reason}`,
  );
}

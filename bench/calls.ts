import { fileURLToPath } from "node:url";
import { handler } from "./function/handler.mjs";

/** The code of every function of the benchmarks. */
export const handlerFile: string = fileURLToPath(new URL("function/handler.mjs", import.meta.url));

/** An event and the one right answer to it, as bytes. */
export interface Call {
  readonly payload: Buffer;
  readonly answer: Buffer;
}

/** Bytes of one four-digit item with its comma. */
const ITEM_BYTES = 5;

/**
 * `count` different calls of about `payloadBytes` each; the same ones in every run.
 * @param waitMs how long the function waits before it answers
 */
export async function makeCalls(count: number, payloadBytes: number, waitMs = 0): Promise<Call[]> {
  const calls: Call[] = [];
  for (let id = 0; id < count; id++) {
    const items = Array.from(
      { length: Math.ceil(payloadBytes / ITEM_BYTES) },
      (_, index) => 1000 + ((id * 131 + index * 17) % 9000),
    );
    const event = { id, items };
    calls.push({
      payload: Buffer.from(JSON.stringify(waitMs > 0 ? { ...event, waitMs } : event)),
      answer: Buffer.from(JSON.stringify(await handler(event))),
    });
  }
  return calls;
}

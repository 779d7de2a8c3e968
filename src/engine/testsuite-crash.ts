import { writeSync } from "node:fs";
import type { BlobStore } from "./blob.ts";
import type { TableStore } from "./table.ts";

/**
 * What a child process does until it is killed (testsuite.ts): lanes of writes, each acknowledged
 * by one line on standard output, written synchronously so that nothing acknowledged stays behind
 * in a buffer.
 */
const LANES = 8;

/** Commits pairs of documents; prints `NUMBER REVISION` for each acknowledged pair. */
export async function commitUntilKilled(store: TableStore): Promise<never> {
  const first = (await store.list("left", { limit: 1000 })).length;
  return await runLanes(first, async (number) => {
    const key = String(number);
    const revision = await store.commit([
      { table: "left", key, value: { number }, ifRevision: 0 },
      { table: "right", key, value: { number }, ifRevision: 0 },
    ]);
    return `${number} ${revision}`;
  });
}

/** Puts blobs whose every byte tells their number; prints `NUMBER` for each acknowledged one. */
export async function putUntilKilled(store: BlobStore): Promise<never> {
  return await runLanes(0, async (number) => {
    await store.put(`blobs/${number % 3}/${number}`, crashBlob(number));
    return String(number);
  });
}

export function crashBlob(number: number): Buffer {
  return Buffer.alloc(20_000, number % 256);
}

async function runLanes(first: number, write: (number: number) => Promise<string>): Promise<never> {
  let next = first;
  const lane = async (): Promise<never> => {
    while (true) writeSync(1, `${await write(next++)}\n`);
  };
  return await Promise.race(Array.from({ length: LANES }, lane));
}

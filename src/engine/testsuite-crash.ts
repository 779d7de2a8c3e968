import type { BlobStore } from "./blob.ts";
import type { Document, TableStore } from "./table.ts";

/**
 * What a child process does until it is killed (testsuite.ts): lanes of writes, each acknowledged
 * by one line on standard output (a pipe, to which Node writes synchronously on Linux).
 */
const LANES = 8;

/** Commits pairs of documents; prints `NUMBER REVISION` for each acknowledged pair. */
export async function commitUntilKilled(store: TableStore): Promise<never> {
  const numbers = (await listAll(store, "left")).map(({ key }) => Number(key));
  const first = Math.max(-1, ...numbers) + 1;
  return await runLanes(first, async (number) => {
    const key = String(number);
    const revision = await store.commit([
      { table: "left", key, value: { number }, ifRevision: 0 },
      { table: "right", key, value: { number }, ifRevision: 0 },
    ]);
    return `${number} ${revision}`;
  });
}

/** Every document of a table, page by page. */
export async function listAll(store: TableStore, table: string): Promise<Document[]> {
  const all: Document[] = [];
  while (true) {
    const after = all.at(-1)?.key;
    const page = await store.list(table, {
      limit: 1000,
      ...(after === undefined ? {} : { after }),
    });
    all.push(...page);
    if (page.length < 1000) return all;
  }
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
    while (true) process.stdout.write(`${await write(next++)}\n`);
  };
  return await Promise.race(Array.from({ length: LANES }, lane));
}

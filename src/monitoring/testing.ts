import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { secureRandom, silentLog } from "../base/mod.ts";
import { ManualClock } from "../base/testing.ts";
import type { TableStore } from "../engine/mod.ts";
import type { Owner } from "../model/mod.ts";
import { ALICE, MemoryTableStore } from "../registry/testing.ts";
import type { LogEvent, LogTarget } from "./log-event.ts";
import { LogStore } from "./log-store.ts";

/** Set-up for tests of log events: a store on a directory of its own, on a clock moved by hand. */
export interface TestLogs extends AsyncDisposable {
  readonly logs: LogStore;
  readonly clock: ManualClock;
  readonly directory: string;
  readonly table: TableStore;
  /** Another store on the same state, as after a restart; the one before must be closed. */
  reopen(): LogStore;
}

export async function testLogs(): Promise<TestLogs> {
  const directory = await mkdtemp(join(tmpdir(), "hearth-logs-"));
  const clock = new ManualClock();
  const table = new MemoryTableStore();
  const groupOf = async (_owner: Owner, name: string): Promise<string> => `/aws/lambda/${name}`;
  const open = (): LogStore =>
    new LogStore({
      ...{ directory, table, groupOf, clock, random: secureRandom, log: silentLog },
    });
  const logs = open();
  const reopened: LogStore[] = [];
  return {
    ...{ logs, clock, directory, table },
    reopen() {
      const store = open();
      reopened.push(store);
      return store;
    },
    async [Symbol.asyncDispose]() {
      for (const each of [logs, ...reopened]) await each[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export function targetOf(functionName: string, more: Partial<LogTarget> = {}): LogTarget {
  const group = `/aws/lambda/${functionName}`;
  return { owner: ALICE, functionName, group, stream: "2026/01/01/[$LATEST]e1", ...more };
}

export function event(timestampMs: number, message: string): LogEvent {
  return { timestampMs, message: Buffer.from(message) };
}

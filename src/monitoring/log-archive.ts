import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, LruMap } from "../base/mod.ts";
import type { Owner } from "../model/mod.ts";
import type { LogCatalog, LogGroupRecord } from "./log-catalog.ts";
import { LogGroup, type StreamEvents } from "./log-group.ts";

/** Groups whose figures are in memory. */
const GROUPS_OPEN_MAX = 500;

/** A log group that is there: what is durable of it, and its events. */
export interface OpenGroup {
  readonly record: LogGroupRecord;
  readonly events: LogGroup;
}

/**
 * The groups' files. Whatever touches the files of one group follows one after the other; groups do
 * not wait for each other.
 */
export class LogArchive {
  readonly #directory: string;
  readonly #catalog: LogCatalog;
  readonly #clock: Clock;
  readonly #open = new LruMap<string, OpenGroup>(GROUPS_OPEN_MAX);
  readonly #last = new Map<string, Promise<unknown>>();
  /** Bytes written since it was last reset. */
  bytesWritten: number = 0;

  constructor(directory: string, catalog: LogCatalog, clock: Clock) {
    this.#directory = directory;
    this.#catalog = catalog;
    this.#clock = clock;
  }

  directoryOf(owner: Owner, { name, id }: LogGroupRecord): string {
    const readable = name.replaceAll(/[^A-Za-z0-9_-]/g, "-").slice(-READABLE_CHARACTERS);
    return join(this.#directory, owner, `${readable}.${id}`);
  }

  /** The group, once all that was to be written to it before is written; undefined without one. */
  find(owner: Owner, group: string): Promise<OpenGroup | undefined> {
    return this.exclusively(owner, group, () => this.#find(owner, group));
  }

  /** Writes what `take` gives when it is this write's turn; makes the group if there is none. */
  write(owner: Owner, group: string, take: () => readonly StreamEvents[]): Promise<void> {
    return this.exclusively(owner, group, async () => {
      const batches = take();
      if (batches.length === 0) return;
      let open = await this.#find(owner, group);
      if (open === undefined) {
        await this.#catalog.ensure(owner, group);
        open = await this.#find(owner, group);
      }
      if (open !== undefined) await this.#write(owner, open, batches, false);
    });
  }

  /** Writes to a group that is there; what was written is on the disk when this resolves. */
  writeDurably(owner: Owner, group: string, batch: StreamEvents): Promise<void> {
    return this.exclusively(owner, group, async () => {
      await this.#catalog.require(owner, group);
      const open = await this.#find(owner, group);
      if (open !== undefined) await this.#write(owner, open, [batch], true);
    });
  }

  /** Removes a group with all its events. @throws PlatformError kind "not_found" */
  remove(owner: Owner, group: string): Promise<void> {
    return this.exclusively(owner, group, async () => {
      const record = await this.#catalog.remove(owner, group);
      this.#open.delete(`${owner}/${group}`);
      await rm(this.directoryOf(owner, record), { recursive: true, force: true });
    });
  }

  /** Hides all events that a stream of a group has so far; durable when it resolves. */
  removeStream(owner: Owner, group: string, stream: string): Promise<void> {
    return this.exclusively(owner, group, async () => {
      const open = await this.#find(owner, group);
      await open?.events.removeStream(stream);
    });
  }

  /** Drops the files of a group whose events are all older. */
  dropBefore(owner: Owner, group: string, timestampMs: number): Promise<void> {
    return this.exclusively(owner, group, async () => {
      const open = await this.#find(owner, group);
      await open?.events.dropBefore(timestampMs);
    });
  }

  /** Runs `work` after all that was asked of this group before. */
  exclusively<T>(owner: Owner, group: string, work: () => Promise<T>): Promise<T> {
    const key = `${owner}/${group}`;
    const done = (this.#last.get(key) ?? Promise.resolve()).then(work);
    const settled = done.then(ignore, ignore);
    this.#last.set(key, settled);
    void settled.then(() => {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    });
    return done;
  }

  /** Forgets what is in memory of a group: its files changed. Only within `exclusively`. */
  forget(owner: Owner, group: string): void {
    this.#open.delete(`${owner}/${group}`);
  }

  /** Resolves when all that was asked so far is done. */
  async settled(): Promise<void> {
    await Promise.all(this.#last.values());
  }

  async #find(owner: Owner, group: string): Promise<OpenGroup | undefined> {
    const key = `${owner}/${group}`;
    const open = this.#open.get(key);
    if (open !== undefined) return open;
    const record = await this.#catalog.find(owner, group);
    if (record === undefined) return undefined;
    const events = await LogGroup.open(this.directoryOf(owner, record));
    const opened = { record, events };
    this.#open.set(key, opened);
    return opened;
  }

  async #write(
    owner: Owner,
    { record, events }: OpenGroup,
    batches: readonly StreamEvents[],
    isDurable: boolean,
  ): Promise<void> {
    try {
      this.bytesWritten += await events.write(batches, this.#clock.now(), isDurable);
    } catch (error) {
      // What is on the disk now is known best by reading it again.
      this.forget(owner, record.name);
      throw error;
    }
  }
}

/** How much of a group's name its directory shows, beside its id. */
const READABLE_CHARACTERS = 80;

function ignore(): void {}

import { type Clock, type Deferred, deferred, type Timer } from "../../base/mod.ts";
import { limits } from "../../model/mod.ts";
import type { Delivery } from "./delivery.ts";
import type { TelemetryCategory, TelemetrySchema } from "./records.ts";

/** When a batch is sent: at the first bound that it meets. */
export interface Buffering {
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly maxItems: number;
}

export interface SubscriberOptions {
  readonly schema: TelemetrySchema;
  readonly categories: ReadonlySet<TelemetryCategory>;
  readonly buffering: Buffering;
  readonly delivery: Delivery;
  readonly clock: Clock;
  /** Shared by all subscribers of one environment. */
  readonly budget: TelemetryBudget;
  /** Whether the receiver cannot run now; then nothing is sent before `wake`. */
  isFrozen(): boolean;
}

/** What subscribers hold on the host, on its way included; bounded for all of them together. */
export interface TelemetryBudget {
  heldBytes: number;
}

/** A batch that the receiver does not take is tried again, then dropped. Ours. */
const ATTEMPTS_MAX = 5;
const RETRY_MS = 50;
/** Held beyond one batch while another is on its way; more is dropped. AWS: 2 * maxBytes. */
const HELD_BATCHES_MAX = 2;

/** One subscription: collects encoded records, sends them in batches, in order. */
export class Subscriber {
  readonly schema: TelemetrySchema;
  readonly categories: ReadonlySet<TelemetryCategory>;
  readonly #buffering: Buffering;
  readonly #delivery: Delivery;
  readonly #clock: Clock;
  readonly #budget: TelemetryBudget;
  readonly #isFrozen: () => boolean;
  #held: string[] = [];
  #heldBytes = 0;
  #timer: Timer | undefined;
  /** A batch on its way; tells whether it arrived. */
  #sending: Promise<boolean> | undefined;
  #droppedRecords = 0;
  #droppedBytes = 0;
  #isClosing = false;
  #woken: Deferred<void> = deferred();

  constructor(options: SubscriberOptions) {
    this.schema = options.schema;
    this.categories = options.categories;
    this.#buffering = options.buffering;
    this.#delivery = options.delivery;
    this.#clock = options.clock;
    this.#budget = options.budget;
    this.#isFrozen = () => options.isFrozen();
  }

  /** Takes a record as JSON; it may be dropped, and counted, when the receiver is too slow. */
  take(record: string): void {
    if (this.#isClosing) return;
    const { maxBytes, maxItems } = this.#buffering;
    const bytes = Buffer.byteLength(record);
    const isFull =
      this.#heldBytes + bytes > HELD_BATCHES_MAX * maxBytes ||
      this.#held.length >= HELD_BATCHES_MAX * maxItems ||
      this.#budget.heldBytes + bytes > limits.TELEMETRY_HELD_BYTES_MAX;
    if (isFull) this.#drop([record]);
    else this.#hold(record, bytes);
    this.#schedule();
  }

  /** The receiver runs again. */
  wake(): void {
    this.#woken.resolve();
  }

  /** Sends what is held, and resolves when it has arrived or will not. */
  async flush(): Promise<void> {
    while (this.#sending !== undefined || this.#held.length > 0) {
      if (this.#sending === undefined) this.#send();
      const hasArrived = await this.#sending;
      if (hasArrived !== true) return;
    }
  }

  /** Sends nothing more; a batch that fails is not tried again. */
  close(): void {
    this.#isClosing = true;
    this.#timer?.cancel();
    this.#budget.heldBytes -= this.#heldBytes;
    this.#held = [];
    this.#heldBytes = 0;
    this.#woken.resolve();
    this.#delivery.close();
  }

  get #isDue(): boolean {
    const { maxBytes, maxItems } = this.#buffering;
    return this.#heldBytes >= maxBytes || this.#held.length >= maxItems;
  }

  #send(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#sending !== undefined || this.#held.length === 0) return;
    const batch = this.#held.splice(0, this.#buffering.maxItems);
    const bytes = bytesOf(batch);
    this.#heldBytes -= bytes;
    this.#sending = this.#deliver(batch).then((hasArrived) => {
      this.#budget.heldBytes -= bytes;
      this.#sending = undefined;
      if (hasArrived) this.#tellDropped();
      if (this.#held.length > 0) this.#schedule();
      return hasArrived;
    });
  }

  /** Sends at once what has become a batch, the rest when its time has come. */
  #schedule(): void {
    if (this.#sending !== undefined || this.#isClosing) return;
    if (this.#isDue) this.#send();
    else this.#timer ??= this.#clock.after(this.#buffering.timeoutMs, () => this.#send());
  }

  async #deliver(batch: readonly string[]): Promise<boolean> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX && !this.#isClosing; attempt++) {
      if (attempt > 0) await this.#clock.sleep(RETRY_MS << attempt);
      if (this.#isFrozen()) {
        this.#woken = deferred();
        await this.#woken.promise;
      }
      try {
        await this.#delivery.send(batch);
        return true;
      } catch {
        // Tried again; what stays undelivered is counted.
      }
    }
    this.#drop(batch);
    return false;
  }

  #drop(records: readonly string[]): void {
    this.#droppedRecords += records.length;
    this.#droppedBytes += bytesOf(records);
  }

  /** Says what was dropped, once there is room for it. */
  #tellDropped(): void {
    if (this.#droppedRecords === 0 || !this.categories.has("platform")) return;
    const record = {
      reason: "Consumer seems to have fallen behind as it has not acknowledged receipt of logs.",
      droppedRecords: this.#droppedRecords,
      droppedBytes: this.#droppedBytes,
    };
    this.#droppedRecords = 0;
    this.#droppedBytes = 0;
    const time = new Date(this.#clock.now()).toISOString();
    const line = JSON.stringify({ time, type: "platform.logsDropped", record });
    this.#hold(line, Buffer.byteLength(line));
  }

  #hold(record: string, bytes: number): void {
    this.#held.push(record);
    this.#heldBytes += bytes;
    this.#budget.heldBytes += bytes;
  }
}

function bytesOf(records: readonly string[]): number {
  let bytes = 0;
  for (const record of records) bytes += Buffer.byteLength(record);
  return bytes;
}

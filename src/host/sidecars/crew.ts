import { type Clock, messageOf } from "../../base/mod.ts";
import { type InstrumentName, limits, type RunReport } from "../../model/mod.ts";
import type { Acquired } from "../acquire.ts";
import type { Instrument } from "../channel.ts";
import type { CallObserver, Environment } from "../environment.ts";
import type { CallWriter } from "./artefacts.ts";
import type { Attachment } from "./attachment.ts";
import type { DebugSession } from "./debug-sessions.ts";
import type { SidecarLease } from "./sidecar-pool.ts";

/** A sidecar that takes part in a call. */
export interface CrewMember {
  readonly attachment: Attachment;
  readonly lease: SidecarLease;
  readonly instruments: readonly InstrumentName[];
  readonly options: Readonly<Record<string, unknown>>;
  /** Present on the one that a debugger's messages go through. */
  readonly debug: DebugSession | undefined;
}

/** How long a call waits for its debugger: its own time-out ends it before. */
const WAIT_SECONDS = limits.TIMEOUT_SECONDS_MAX;

/** How a call ended, as sidecars are told. */
export type CallResult =
  | {
      readonly status: "succeeded" | "failed";
      readonly errorType?: string;
      readonly report: RunReport;
    }
  | { readonly status: "refused"; readonly message: string };

/** Wall-clock moments of a call, milliseconds since 1970 with fraction. */
interface Moments {
  received: number;
  attached?: number;
  acquired?: number;
  started?: number;
  ended?: number;
}

/** All sidecars of one call. */
export class Crew {
  readonly members: readonly CrewMember[];
  /** Lines for the function's log: what the call has to do without. */
  readonly notices: readonly string[];
  readonly #clock: Clock;
  readonly #writer: CallWriter;
  readonly #moments: Moments;
  readonly #monotonicToWall: number;

  constructor(options: {
    readonly members: readonly CrewMember[];
    readonly notices: readonly string[];
    readonly clock: Clock;
    readonly writer: CallWriter;
    /** Monotonic milliseconds at which attaching began. */
    readonly begunAt: number;
  }) {
    this.members = options.members;
    this.notices = options.notices;
    this.#clock = options.clock;
    this.#writer = options.writer;
    this.#monotonicToWall = options.clock.now() - options.clock.monotonic();
    const received = options.begunAt + this.#monotonicToWall;
    this.#moments = { received, attached: this.#now() };
  }

  /**
   * What the runtime is to observe of itself; undefined when nobody asks. Does not reject: an
   * instrument that cannot be had is left out and said.
   */
  async instrumentsIn(environment: Environment): Promise<readonly Instrument[] | undefined> {
    const wanted = new Map<string, Instrument>();
    for (const { attachment, instruments, options, debug } of this.members) {
      for (const name of instruments.filter((one) => !wanted.has(one))) {
        if (name !== "debugger") wanted.set(name, { name, options });
        else if (debug !== undefined) {
          try {
            const where = await debug.listen(environment);
            wanted.set(name, {
              name,
              options: { waitSeconds: WAIT_SECONDS, ...options, ...where },
            });
          } catch (error) {
            attachment.onWarn(messageOf(error));
          }
        }
      }
    }
    return wanted.size === 0 ? undefined : [...wanted.values()];
  }

  /** Undefined when nobody looks. */
  get observer(): CallObserver | undefined {
    if (this.members.length === 0) return undefined;
    return {
      onStarted: (initDurationMs) => {
        this.#moments.started = this.#now();
        const facts = { initDurationMs, moments: this.#moments };
        for (const { attachment } of this.members) attachment.started(facts);
      },
      onLog: (part) => {
        for (const { attachment } of this.members) attachment.log(part);
      },
      onEvidence: (instrument, bytes) => {
        for (const { attachment, instruments } of this.members) {
          if ((instruments as readonly string[]).includes(instrument)) {
            attachment.evidence(instrument, bytes);
          }
        }
      },
    };
  }

  acquired(_acquired: Acquired): void {
    this.#moments.acquired = this.#now();
  }

  /** Lets every sidecar bring what it has, for SIDECAR_FLUSH_MS at most, then lets go of it. */
  async end(result: CallResult): Promise<void> {
    this.#moments.ended = this.#now();
    await Promise.all(this.members.map(({ debug }) => debug?.drain()));
    for (const { attachment } of this.members) {
      attachment.end({ ...resultFacts(result), moments: this.#moments });
    }
    const all = Promise.all(this.members.map(({ attachment }) => attachment.flushed));
    const { promise: late, resolve } = Promise.withResolvers<void>();
    using _deadline = this.#clock.after(limits.SIDECAR_FLUSH_MS, () => {
      for (const { attachment } of this.members) attachment.giveUp();
      resolve();
    });
    await Promise.race([all, late]);
    for (const { lease, debug } of this.members) {
      debug?.close();
      lease[Symbol.dispose]();
    }
    try {
      await this.#writer.finish();
    } catch (error) {
      this.#writer.warn(messageOf(error));
    }
  }

  #now(): number {
    return this.#clock.monotonic() + this.#monotonicToWall;
  }
}

function resultFacts(result: CallResult): Readonly<Record<string, unknown>> {
  if (result.status === "refused") return result;
  const { report, ...rest } = result;
  const { log: _, ...figures } = report;
  return { ...rest, ...figures };
}

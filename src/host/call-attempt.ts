import type { Clock, Timer } from "../base/mod.ts";
import { limits } from "../model/mod.ts";
import type { ShutdownReason } from "./companions.ts";

/** The clocks of one call: initialisation and handler have limits of their own. */
export class CallAttempt {
  readonly #initInsideCall: boolean;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  readonly #stop: (reason: ShutdownReason) => void;
  readonly #beganAt: number;
  #startedAt: number | undefined;
  #timer: Timer | undefined;
  isCold = false;
  isTimedOut = false;
  initTimedOut = false;
  initDurationMs: number | undefined;

  /**
   * @param initInsideCall whether initialisation counts against the call's own time-out
   * @param stop ends the process; called when a limit is reached
   */
  constructor(
    initInsideCall: boolean,
    timeoutMs: number,
    clock: Clock,
    stop: (reason: ShutdownReason) => void,
  ) {
    this.#initInsideCall = initInsideCall;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#stop = stop;
    this.#beganAt = clock.monotonic();
  }

  /** Initialisation goes on; the handler's time has not begun. */
  initialising(): void {
    this.isCold = true;
    if (this.#initInsideCall) {
      this.#startCallTimer();
      return;
    }
    this.#timer = this.#clock.after(limits.INIT_MS_MAX, () => {
      this.initTimedOut = true;
      this.#stop("failure");
    });
  }

  /** The handler runs. */
  started(): void {
    this.#startedAt = this.#clock.monotonic();
    if (this.isCold) this.initDurationMs = this.#startedAt - this.#beganAt;
    if (this.#initInsideCall && this.isCold) return;
    this.#startCallTimer();
  }

  initFailed(): void {
    this.initDurationMs = this.#clock.monotonic() - this.#beganAt;
  }

  /** Milliseconds that the handler took; of the whole attempt when it never ran. */
  finish(): number {
    this.#timer?.cancel();
    return this.#clock.monotonic() - (this.#startedAt ?? this.#beganAt);
  }

  /** What is left of the call's time, for those who work on after its answer. */
  get leftMs(): number {
    const begunAt = this.#startedAt ?? this.#beganAt;
    return Math.max(0, this.#timeoutMs - (this.#clock.monotonic() - begunAt));
  }

  #startCallTimer(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(this.#timeoutMs, () => {
      this.isTimedOut = true;
      this.#stop("timeout");
    });
  }
}

import type { Clock } from "../base/mod.ts";
import type { FunctionVersion } from "../model/mod.ts";
import { CallLog } from "./call-log.ts";
import type { Companions } from "./companions.ts";
import { type PlatformEvent, systemLogLine } from "./platform-events.ts";
import { startEvent, startLine } from "./report.ts";

/**
 * All that is written in one environment: the log of the call that runs or comes next, in AWS's
 * lines of text or in JSON, and what companions are told of it.
 */
export class EnvironmentLog {
  readonly #clock: Clock;
  #current: CallLog = new CallLog();
  #version: FunctionVersion | undefined;
  #companions: Companions | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Where output goes. */
  get current(): CallLog {
    return this.#current;
  }

  get isText(): boolean {
    return this.#version?.configuration.logging.format !== "JSON";
  }

  assign(version: FunctionVersion): void {
    this.#version = version;
  }

  /** From now on companions see what is written; what was written just before, too. */
  join(companions: Companions): void {
    this.#companions = companions;
    this.#showTo(companions);
  }

  /** Closes the log of a call and begins the next one's. */
  renew(): CallLog {
    const finished = this.#current;
    this.#current = new CallLog();
    if (this.#companions !== undefined) this.#showTo(this.#companions);
    return finished;
  }

  /** Tells of an event: in AWS's line of text or in JSON, and to whoever subscribed. */
  note(text: string, event: () => PlatformEvent): void {
    if (this.isText) this.#current.line(text, this.#clock.now());
    this.tell(event);
  }

  /** Tells of an event that has no line of text. */
  tell(event: () => PlatformEvent): void {
    const version = this.#version;
    const isText = this.isText;
    if (isText && this.#companions === undefined) return;
    const told = event();
    const line =
      isText || !version ? undefined : systemLogLine(told, version.configuration.logging);
    if (line !== undefined) this.#current.line(line, told.timeMs);
    this.#companions?.observe(told);
  }

  start(requestId: string): void {
    const version = this.#version?.version ?? "$LATEST";
    this.note(startLine(requestId, version), () =>
      startEvent(this.#clock.now(), requestId, version),
    );
  }

  /** Lines that begin a call's log. */
  notice(messages: readonly string[]): void {
    for (const message of messages) {
      this.note(`${message}\n`, () => ({
        timeMs: this.#clock.now(),
        type: "platform.sidecar",
        record: { status: "error", message },
      }));
    }
  }

  #showTo(companions: Companions): void {
    this.#current.follow((part) => companions.observeLog(part));
  }
}

import type { Clock } from "../base/mod.ts";
import type { FunctionVersion } from "../model/mod.ts";
import type { LogStore } from "../monitoring/mod.ts";
import type { CallLog } from "./call-log.ts";
import type { Environment } from "./environment.ts";
import { logStreamName } from "./function-environment.ts";

/** A call writes for so long before its log goes to the store in pieces; ours. */
const PIECE_MS = 500;

/** Carries what environments write to the log store: while calls run, and when they have ended. */
export class LogKeeper {
  readonly #logs: Pick<LogStore, "append">;
  readonly #clock: Clock;
  #nextPieceAt = 0;

  constructor(logs: Pick<LogStore, "append">, clock: Clock) {
    this.#logs = logs;
    this.#clock = clock;
  }

  /**
   * Keeps what is in a finished log and not kept yet.
   * @param environmentId names the stream where no environment ever was
   * @param isSeen whether followers were handed it as it was written
   */
  keep(
    version: FunctionVersion,
    environment: Pick<Environment, "id" | "logStream">,
    log: CallLog,
    isSeen: boolean,
  ): void {
    this.#append(version, this.#streamOf(version, environment), log, true, isSeen);
  }

  /** Keeps what calls under way have written so far. */
  keepPieces(environments: Iterable<Environment>): void {
    const now = this.#clock.monotonic();
    if (now < this.#nextPieceAt) return;
    this.#nextPieceAt = now + PIECE_MS;
    for (const environment of environments) {
      const { version, logStream, log, isLogSeen, state } = environment;
      if (version === undefined || state !== "busy" || logStream === "") continue;
      this.#append(version, logStream, log, false, isLogSeen);
    }
  }

  #append(
    version: FunctionVersion,
    stream: string,
    log: CallLog,
    isFinal: boolean,
    isSeen: boolean,
  ): void {
    const messages = log.take(isFinal);
    if (messages.length === 0) return;
    const { owner, name: functionName, configuration } = version;
    const target = { owner, functionName, group: configuration.logging.group, stream };
    this.#logs.append(target, messages, isSeen);
  }

  #streamOf(
    version: FunctionVersion,
    { id, logStream }: Pick<Environment, "id" | "logStream">,
  ): string {
    if (logStream !== "") return logStream;
    return logStreamName(version, { environmentId: id, nowMs: this.#clock.now() });
  }
}

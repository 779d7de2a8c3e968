import {
  type Clock,
  isPlatformError,
  type Log,
  LruMap,
  messageOf,
  PlatformError,
  type Random,
} from "../../base/mod.ts";
import { type InvokeResult, limits, type Owner, type SidecarWish } from "../../model/mod.ts";
import { plainWish, type SidecarRegistry } from "../../registry/mod.ts";
import type { HostCall } from "../host.ts";
import type { ArtefactStore, CallArtefacts, CallWriter } from "./artefacts.ts";
import { Attachment } from "./attachment.ts";
import { type ChosenSidecar, chooseSidecars } from "./choice.ts";
import { Crew, type CrewMember } from "./crew.ts";
import type { DebugSessions } from "./debug-sessions.ts";
import type { FileSinks } from "./file-sinks.ts";
import type { HttpSinks } from "./http-sinks.ts";
import { instrumentsOf, missingInstrument } from "./library.ts";
import type { SidecarPool, SidecarSummary } from "./sidecar-pool.ts";

/** How long a sidecar may take to be ready for a call; ours. */
const ATTACH_MS_MAX = 5000;
/** Functions whose last outcome is remembered, for wishes that follow a failure. Ours. */
const OUTCOMES_MAX = 10_000;
/** How long a server that stops waits for sidecars to flush. */
const LAST_FLUSH_MS = 1000;

export interface SidecarManagerOptions {
  readonly registry: SidecarRegistry;
  readonly pool: SidecarPool;
  readonly artefacts: ArtefactStore;
  readonly files: FileSinks;
  readonly http: HttpSinks;
  readonly debug: DebugSessions;
  readonly clock: Clock;
  readonly log: Log;
  /** Draws samples. */
  readonly chance: Random;
}

/** Runs a call with its crew beside it. */
export type RunAttended = (call: HostCall, crew: Crew) => Promise<InvokeResult>;

/**
 * Auxiliary functions beside calls: which a call gets, from when to when, and what they bring. The
 * order is attach, run, end; what sidecars do after the end delays no answer.
 */
export class SidecarManager implements AsyncDisposable {
  readonly #options: SidecarManagerOptions;
  readonly #lastFailed = new LruMap<string, boolean>(OUTCOMES_MAX);
  /** Calls whose sidecars still flush, by owner and request id. */
  readonly #flushing = new Map<string, Promise<void>>();

  constructor(options: SidecarManagerOptions) {
    this.#options = options;
  }

  /** Whether anybody wants anything beside this call; on the way of every call. */
  isWanted(call: HostCall): boolean {
    return (
      call.version.configuration.policy !== undefined ||
      call.sidecars !== undefined ||
      this.#options.registry.ownerPolicy(call.version.owner) !== undefined
    );
  }

  /**
   * Attaches what the call wants, runs it, and lets the sidecars flush behind the answer.
   * @throws PlatformError kinds "invalid" (the call asks for an unknown sidecar), "unavailable",
   *   "overloaded" or "unsupported" when a required sidecar cannot be had
   */
  async attend(call: HostCall, run: RunAttended): Promise<InvokeResult> {
    const { clock } = this.#options;
    const begunAt = clock.monotonic();
    const crew = await this.#attach(call, begunAt);
    const attended: HostCall = {
      ...call,
      onAcquired(acquired) {
        crew.acquired(acquired);
        call.onAcquired(acquired);
      },
    };
    try {
      const result = await run(attended, crew);
      const { outcome, report } = result;
      const failure = outcome.status === "failed" ? { errorType: outcome.errorType } : {};
      this.#lastFailed.set(functionKey(call), outcome.status === "failed");
      this.#flush(call, crew.end({ status: outcome.status, ...failure, report }));
      return result;
    } catch (error) {
      this.#flush(call, crew.end({ status: "refused", message: messageOf(error) }));
      throw error;
    }
  }

  /** What sidecars made of a call, once they have flushed. @throws kind "not_found" */
  async artefacts(owner: Owner, requestId: string): Promise<CallArtefacts> {
    await this.#flushing.get(`${owner}/${requestId}`);
    return this.#options.artefacts.list(owner, requestId);
  }

  /** @throws PlatformError kind "not_found" */
  async artefact(
    owner: Owner,
    requestId: string,
    name: string,
  ): Promise<{ readonly type: string; readonly bytes: Buffer }> {
    await this.#flushing.get(`${owner}/${requestId}`);
    return await this.#options.artefacts.read(owner, requestId, name);
  }

  running(owner: Owner): readonly SidecarSummary[] {
    return this.#options.pool.list(owner);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const flushed = Promise.allSettled(this.#flushing.values());
    await Promise.race([flushed, this.#options.clock.sleep(LAST_FLUSH_MS)]);
    await this.#options.pool[Symbol.asyncDispose]();
  }

  async #attach(call: HostCall, begunAt: number): Promise<Crew> {
    const { registry, artefacts, clock } = this.#options;
    const { owner } = call.version;
    const { sidecars: asked = [] } = call;
    registry.requireKnown(owner, asked, "X-Hearth-Sidecars");
    if (asked.length > limits.SIDECARS_PER_CALL_MAX) throw noRoom();
    const chosen = this.#choose(call);
    const writer = artefacts.begin(owner, call.requestId);
    const members: CrewMember[] = [];
    const notices: string[] = [];
    const attaching = chosen.map(async (one, at) => {
      const hasRoom = at < limits.SIDECARS_PER_CALL_MAX;
      const member = await this.#attachOne(call, one, hasRoom, writer, begunAt);
      if (typeof member === "string") notices.push(member);
      else members.push(member);
    });
    const settled = await Promise.allSettled(attaching);
    const refusal = settled.find((one) => one.status === "rejected");
    const crew = new Crew({ members, notices, clock, writer, begunAt });
    if (refusal === undefined) return crew;
    this.#flush(call, crew.end({ status: "refused", message: messageOf(refusal.reason) }));
    throw refusal.reason;
  }

  #choose(call: HostCall): readonly ChosenSidecar[] {
    const { registry, chance } = this.#options;
    const { owner, configuration } = call.version;
    const { chosen, skipped } = chooseSidecars({
      functionPolicy: configuration.policy,
      ownerPolicy: registry.ownerPolicy(owner),
      asked: call.sidecars ?? [],
      lastFailed: this.#lastFailed.get(functionKey(call)) ?? false,
      draw: () => chance.next(),
      plain: plainWish,
    });
    for (const { name, reason } of skipped) {
      call.decisions?.note("sidecar", "skipped", { name }, reason);
    }
    return chosen;
  }

  /** The member, or the line that says what the call has to do without. */
  async #attachOne(
    call: HostCall,
    { wish, reason }: ChosenSidecar,
    hasRoom: boolean,
    writer: CallWriter,
    begunAt: number,
  ): Promise<CrewMember | string> {
    const { clock } = this.#options;
    const { name, scope } = wish;
    try {
      if (!hasRoom) throw noRoom();
      const member = await this.#board(call, wish, writer);
      const attachMs = Math.round(clock.monotonic() - begunAt);
      call.decisions?.note("sidecar", "attached", { name, scope, attachMs }, reason);
      return member;
    } catch (error) {
      const message = messageOf(error);
      call.decisions?.note("sidecar", wish.required ? "refused" : "missing", { name }, message);
      writer.warn(`${name}: ${message}`);
      if (wish.required) throw refusal(name, error);
      return `[hearth] Sidecar ${name} is missing: ${message}`;
    }
  }

  async #board(call: HostCall, wish: SidecarWish, writer: CallWriter): Promise<CrewMember> {
    const { registry, pool, files, http, clock } = this.#options;
    const { version } = call;
    const { name, options } = wish;
    const own = registry.package(version.owner, name);
    // Registered when the policy was written, gone since.
    registry.requireKnown(version.owner, [name], "policy.sidecars");
    const instruments = instrumentsOf(name, own?.instruments);
    const missing = missingInstrument(instruments, version.configuration.runtime);
    if (missing !== undefined) throw cannotInstrument(missing, version.configuration.runtime);
    const lease = pool.lease(version, wish, own);
    try {
      const { channel } = await lease.booted;
      const attachment = new Attachment({
        ...{ name, owner: version.owner, channel },
        outlets: { files, http, writer },
        facts: factsOf(call, wish, clock.now()),
      });
      using _late = clock.after(ATTACH_MS_MAX, () => {
        attachment.onRefused(`it was not ready after ${ATTACH_MS_MAX} ms`);
      });
      await attachment.attached;
      const debug = instruments.includes("debugger")
        ? this.#options.debug.open(
            { owner: version.owner, requestId: call.requestId, functionName: version.name },
            attachment,
          )
        : undefined;
      return { attachment, lease, instruments, options, debug };
    } catch (error) {
      lease[Symbol.dispose]();
      throw error;
    }
  }

  #flush({ version, requestId }: HostCall, flushed: Promise<void>): void {
    const key = `${version.owner}/${requestId}`;
    this.#flushing.set(key, flushed);
    void flushed.finally(() => this.#flushing.delete(key));
  }
}

function functionKey({ version }: HostCall): string {
  return `${version.owner}/${version.name}`;
}

function noRoom(): PlatformError {
  const message = `A call has at most ${limits.SIDECARS_PER_CALL_MAX} sidecars`;
  return new PlatformError({ kind: "invalid", field: "sidecars" }, message);
}

/** Why a call does not run: what is wrong with the wish is said as it is. */
function refusal(name: string, error: unknown): unknown {
  if (isPlatformError(error, "invalid") || isPlatformError(error, "unsupported")) return error;
  return new PlatformError(
    { kind: "unavailable", what: "sidecar" },
    `The function requires sidecar ${name}, which is missing: ${messageOf(error)}`,
    { cause: error },
  );
}

function cannotInstrument(instrument: string, runtime: string): PlatformError {
  return new PlatformError(
    {
      kind: "unsupported",
      feature: `${instrument} of ${runtime} functions`,
      remedy: "Use a runtime that Hearth brings",
    },
    `Functions of ${runtime} have no instrument ${instrument}`,
  );
}

/** What a sidecar is told of a call before it starts. */
function factsOf(call: HostCall, wish: SidecarWish, nowMs: number): unknown {
  const { version, requestId, traceId, invokedArn } = call;
  const { configuration } = version;
  return {
    requestId,
    traceId,
    functionArn: invokedArn,
    functionName: version.name,
    version: version.version,
    owner: version.owner,
    runtime: configuration.runtime,
    handler: configuration.handler,
    memoryMiB: configuration.memorySizeMiB,
    timeoutMs: configuration.timeoutSeconds * 1000,
    attachedAt: new Date(nowMs).toISOString(),
    scope: wish.scope,
    options: wish.options,
  };
}

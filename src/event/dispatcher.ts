import { type Clock, type Log, messageOf, type SecureRandom } from "../base/mod.ts";
import type { TableStore } from "../engine/mod.ts";
import type { Invoker, Resolver } from "../invoke/mod.ts";
import { functionArn, type Owner, parseFunctionReference, passThrough } from "../model/mod.ts";
import type { EventConfigRegistry, EventSettings } from "../registry/mod.ts";
import {
  acceptedEvent,
  type NewEvent,
  type QueuedEvent,
  requireEventPayload,
  type WholeEvent,
} from "./event.ts";
import type { EventMetrics } from "./event-metrics.ts";
import { EventQueue } from "./event-queue.ts";
import { EventQuota } from "./event-quota.ts";
import { EventStore } from "./event-store.ts";
import { type Conclusion, invocationRecord } from "./invocation-record.ts";
import { expired, type Verdict, verdictOnRefusal, verdictOnResult } from "./verdict.core.ts";

export interface DispatcherOptions {
  readonly table: TableStore;
  readonly invoker: Pick<Invoker, "invoke">;
  readonly resolver: Pick<Resolver, "resolve">;
  readonly configs: Pick<EventConfigRegistry, "settings">;
  readonly metrics: EventMetrics;
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly log: Log;
  /** Stands in the ARNs of invocation records. */
  readonly region: string;
}

/** An event with all that its turn needs. */
interface Turn extends WholeEvent {
  readonly settings: EventSettings;
}

/**
 * Asynchronous calls. An accepted event is on disk until its function succeeded or it is dropped,
 * and its removal and what it sends to a destination are one commit: no event is lost, and a crash
 * can only make a function see one again, which AWS allows too.
 *
 * Retries: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
 */
export class EventDispatcher implements AsyncDisposable {
  readonly #options: DispatcherOptions;
  readonly #store: EventStore;
  readonly #queue: EventQueue;
  readonly #quota = new EventQuota();
  readonly #running = new Set<Promise<void>>();
  /** Events are taken; not yet before `start`, no more from `drain` on. */
  #isTaking = false;
  #isClosed = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#store = new EventStore(options.table);
    this.#queue = new EventQueue({ clock: options.clock, onReady: () => this.#dispatch() });
  }

  /** Reads the events that an earlier run left; before anything else. */
  async load(): Promise<void> {
    const left: QueuedEvent[] = [];
    for await (const event of this.#store.all()) left.push(event);
    left.sort((a, b) => a.acceptedAtMs - b.acceptedAtMs);
    for (const event of left) this.#enqueue(event);
  }

  /** Events that wait or run. */
  get size(): number {
    return this.#quota.events;
  }

  /** Begins to run events. */
  start(): void {
    this.#isTaking = true;
    this.#dispatch();
  }

  /**
   * Accepts an event: it is durable when this resolves.
   * @throws PlatformError kinds "not_found", "too_large", "throttled" and "overloaded" (the queue
   *   is full)
   */
  async accept(accepted: NewEvent): Promise<void> {
    const { owner, functionName, qualifier, payload } = accepted;
    requireEventPayload(payload.length);
    await this.#options.resolver.resolve(owner, functionName, qualifier);
    this.#quota.require(owner, payload.length);
    const whole = acceptedEvent(accepted, this.#options.clock.now());
    this.#quota.add(owner, payload.length);
    try {
      await this.#store.add(whole);
    } catch (error) {
      this.#quota.release(whole.event);
      throw error;
    }
    this.#options.metrics.received(owner, functionName);
    this.#queue.add(whole.event);
    this.#dispatch();
  }

  /** Drops the events of a function that is gone. A crash may leave some: they find no function. */
  forget(owner: Owner, functionName: string): void {
    const gone = this.#queue.forget(owner, functionName);
    for (const event of gone) this.#quota.release(event);
    this.#supervise(
      this.#store.removeAll(gone).catch((error: unknown) => {
        this.#options.log.error("event.removal_failed", { owner, reason: messageOf(error) });
      }),
    );
  }

  /** Takes no more events and waits until those under way have ended, for `deadlineMs` at most. */
  async drain(deadlineMs: number): Promise<void> {
    this.#isTaking = false;
    const ended = Promise.allSettled(this.#running);
    const late = new AbortController();
    const deadline = this.#options.clock.sleep(deadlineMs, late.signal).catch(() => {});
    await Promise.race([ended, deadline]);
    late.abort();
  }

  /** Events under way stay accepted: the next start runs them again. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isTaking = false;
    this.#isClosed = true;
    this.#queue.close();
  }

  #enqueue(event: QueuedEvent): void {
    this.#quota.add(event.owner, event.payloadBytes);
    this.#queue.add(event);
  }

  #dispatch(): void {
    while (this.#isTaking) {
      const event = this.#queue.take();
      if (event === undefined) return;
      this.#supervise(this.#run(event).then(() => this.#dispatch()));
    }
  }

  /** Remembers work that nobody awaits, and that never rejects, until it has ended. */
  #supervise(work: Promise<void>): void {
    const running = work.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** One turn of an event, to its end; never rejects. */
  async #run(event: QueuedEvent): Promise<void> {
    try {
      const turn = await this.#read(event);
      if (turn === undefined) return this.#leave(event);
      const verdict = await this.#try(turn);
      // What ends while the server does says nothing about the function.
      if (!this.#isClosed) await this.#carryOut(turn, verdict);
    } catch (error) {
      if (this.#isClosed) return;
      const { requestId } = event;
      this.#options.log.error("event.turn_failed", { requestId, reason: messageOf(error) });
      this.#queue.refuse(event, "last");
    }
  }

  /** Undefined when the event was dropped meanwhile. */
  async #read(event: QueuedEvent): Promise<Turn | undefined> {
    const { owner, functionName, qualifier } = event;
    const [settings, payload] = await Promise.all([
      this.#options.configs.settings(owner, functionName, qualifier),
      this.#store.payload(event),
    ]);
    return payload && { event, payload, settings };
  }

  async #try({ event, payload, settings }: Turn): Promise<Verdict> {
    const { clock, invoker, metrics } = this.#options;
    const tooOld = expired(event, settings, clock.now());
    if (tooOld) return tooOld;
    const { requestId, owner, functionName, qualifier, traceId, acceptedAtMs } = event;
    metrics.age(owner, functionName, clock.now() - acceptedAtMs);
    try {
      const result = await invoker.invoke({
        ...{ requestId, owner, functionName, payload, traceId, receivedAt: clock.monotonic() },
        ...(qualifier === undefined ? {} : { qualifier }),
      });
      return verdictOnResult(event, settings, result, clock.now());
    } catch (error) {
      const reason = messageOf(error);
      this.#options.log.debug("event.refused", { requestId, reason });
      return verdictOnRefusal(event, settings, error);
    }
  }

  async #carryOut(turn: Turn, verdict: Verdict): Promise<void> {
    const { event } = turn;
    if (verdict.kind === "refuse") {
      this.#queue.refuse(event, verdict.place, verdict.untilMs);
    } else if (verdict.kind === "retry") {
      await this.#store.replace(verdict.event);
      this.#queue.again(event, verdict.event);
    } else {
      await this.#conclude(turn, verdict.conclusion);
    }
  }

  async #conclude(turn: Turn, conclusion: Conclusion): Promise<void> {
    const { event, settings } = turn;
    const { owner, functionName } = event;
    const { condition } = conclusion;
    const destination = condition === "Success" ? settings.onSuccess : settings.onFailure;
    const next = destination && (await this.#recordFor(destination, turn, conclusion));
    await this.#store.conclude(event, next || undefined);
    if (condition !== "Success") this.#options.metrics.dropped(owner, functionName, condition);
    if (next) this.#enqueue(next.event);
    this.#leave(event);
  }

  /** The asynchronous call of a destination; undefined when it cannot be made. */
  async #recordFor(
    destinationArn: string,
    { event, payload }: Turn,
    conclusion: Conclusion,
  ): Promise<WholeEvent | undefined> {
    const { clock, log, metrics, random, region, resolver } = this.#options;
    const { owner, functionName } = event;
    const arn = functionArn(region, owner, functionName, event.qualifier ?? "$LATEST");
    // A chain of destinations that comes back to its beginning is a recursion like any other.
    const { traceId } = passThrough(event.traceId, `${owner}/${functionName}`);
    const record = invocationRecord(event, arn, payload, conclusion, clock.now());
    try {
      requireEventPayload(record.length);
      const { name = "", qualifier } = parseFunctionReference(destinationArn) ?? {};
      await resolver.resolve(owner, name, qualifier);
      const requestId = random.uuid();
      const call = { requestId, owner, functionName: name, payload: record, traceId };
      return acceptedEvent(qualifier === undefined ? call : { ...call, qualifier }, clock.now());
    } catch (error) {
      const { requestId } = event;
      log.warn("event.destination_failed", { requestId, reason: messageOf(error) });
      metrics.destinationFailed(owner, functionName);
      return undefined;
    }
  }

  #leave(event: QueuedEvent): void {
    this.#quota.release(event);
    this.#queue.done(event);
  }
}

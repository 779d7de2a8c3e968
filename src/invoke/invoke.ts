import type { Clock } from "../base/mod.ts";
import { PlatformError } from "../base/mod.ts";
import { type ConcurrencyLimiter, VersionLimiter } from "../fleet/mod.ts";
import type { Host } from "../host/mod.ts";
import {
  type DecisionRecord,
  type InvokeRequest,
  type InvokeResult,
  limits,
  type Owner,
  passThrough,
} from "../model/mod.ts";
import type { RecursiveLoop, ResolvedFunction } from "../registry/mod.ts";
import { CallMeter, type CallMetrics } from "./call-meter.ts";
import { DecisionRecords, type DecisionWriter } from "./decision-records.ts";

/** Finds what a name stands for; the registry, or whoever stands in for it. */
export interface Resolver {
  resolve(
    owner: Owner,
    name: string,
    qualifier: string | undefined,
  ): ResolvedFunction | Promise<ResolvedFunction>;
  /** Concurrency that the owner's functions without a reservation share; known after `resolve`. */
  unreservedConcurrency(owner: Owner): number;
}

/** Says whether a function may be called in circles; asked only when it is. */
export interface RecursionSettings {
  recursiveLoop(owner: Owner, name: string): Promise<RecursiveLoop>;
}

export interface SpineOptions {
  readonly resolver: Resolver;
  readonly limiter: ConcurrencyLimiter;
  readonly recursion: RecursionSettings;
  readonly host: Host;
  readonly clock: Clock;
  /** Takes the figures of every call. */
  readonly metrics?: CallMetrics;
}

/**
 * The way of every call: resolve, admit, run, record. Whatever calls functions (the API now, queues
 * and schedules later) wraps this one class.
 */
export class Spine {
  readonly #resolver: Resolver;
  readonly #limiter: ConcurrencyLimiter;
  readonly #versions = new VersionLimiter();
  readonly #recursion: RecursionSettings;
  readonly #host: Host;
  readonly #records: DecisionRecords;
  readonly #clock: Clock;
  readonly #metrics: CallMetrics | undefined;

  constructor(options: SpineOptions) {
    this.#resolver = options.resolver;
    this.#limiter = options.limiter;
    this.#recursion = options.recursion;
    this.#host = options.host;
    this.#records = new DecisionRecords(options.clock);
    this.#clock = options.clock;
    this.#metrics = options.metrics;
  }

  /**
   * Runs one call to its end.
   * @throws PlatformError kinds "not_found", "conflict" (the function is not Active), "invalid"
   *   (it is durable, and this is no execution's invocation), "throttled", "recursion",
   *   "too_large", "overloaded", "unavailable"; failures of user code are outcomes
   */
  async invoke(request: InvokeRequest): Promise<InvokeResult> {
    checkPayloadSize(request.payload);
    const { owner, functionName, qualifier } = request;
    const resolved = await this.#resolver.resolve(owner, functionName, qualifier);
    const decisions = this.#records.begin(request, resolved);
    const meter = this.#meter(request, resolved);
    try {
      const { traceId, runs } = passThrough(request.traceId, `${owner}/${functionName}`);
      checkExecution(request, resolved);
      if (runs >= limits.RECURSION_MAX) await this.#requireLoopAllowed(resolved, runs);
      using _permit = this.#admit(resolved, decisions);
      using _place = this.#versions.admit(resolved.version.arn, resolved.environmentsMax);
      const result = await this.#run({ ...request, traceId }, resolved, decisions, meter);
      decisions.finish(result);
      meter?.ran(result);
      return result;
    } catch (error) {
      decisions.refuse(error);
      meter?.refused(error);
      throw error;
    }
  }

  /** The decision record of a call of this owner, as long as it is kept. */
  decisionRecord(owner: Owner, requestId: string): DecisionRecord | undefined {
    return this.#records.get(owner, requestId);
  }

  /** @throws PlatformError kind "recursion" unless the function allows to be called in circles */
  async #requireLoopAllowed({ version }: ResolvedFunction, runs: number): Promise<void> {
    if ((await this.#recursion.recursiveLoop(version.owner, version.name)) === "Allow") return;
    throw new PlatformError(
      { kind: "recursion", resource: version.arn, runs },
      "Lambda has detected your function being invoked in a recursive loop with other " +
        "Amazon Web Services resources and stopped your function's invocation.",
    );
  }

  #meter(request: InvokeRequest, resolved: ResolvedFunction): CallMeter | undefined {
    if (this.#metrics === undefined) return undefined;
    return new CallMeter(this.#metrics, this.#limiter, request, resolved, this.#clock.now());
  }

  #admit(resolved: ResolvedFunction, decisions: DecisionWriter): Disposable {
    const { version, reservedConcurrency, provisionedConcurrency } = resolved;
    const { owner, name } = version;
    checkActive(resolved);
    const unreserved = this.#resolver.unreservedConcurrency(owner);
    const permit = this.#limiter.admit(
      owner,
      name,
      reservedConcurrency,
      unreserved,
      provisionedConcurrency,
    );
    const limit = reservedConcurrency ?? unreserved;
    const scope = reservedConcurrency === undefined ? "account" : "function";
    decisions.note("admit", scope, { limit, running: this.#limiter.running(owner) });
    return permit;
  }

  #run(
    request: InvokeRequest,
    resolved: ResolvedFunction,
    decisions: DecisionWriter,
    meter: CallMeter | undefined,
  ): Promise<InvokeResult> {
    if (meter !== undefined) meter.hasProvisioned = this.#host.isProvisioned(resolved.version);
    return this.#host.run({
      requestId: request.requestId,
      version: resolved.version,
      invokedArn: resolved.invokedArn,
      traceId: request.traceId,
      payload: request.payload,
      ...(request.clientContext === undefined ? {} : { clientContext: request.clientContext }),
      ...(request.cognitoIdentity === undefined
        ? {}
        : { cognitoIdentity: request.cognitoIdentity }),
      ...(request.sink === undefined ? {} : { sink: request.sink }),
      ...(request.sidecars === undefined ? {} : { sidecars: request.sidecars }),
      decisions,
      onAcquired({ environment, start }) {
        const facts = { environmentId: environment.id, instanceId: environment.instance.id };
        decisions.note("acquire", start, facts);
        if (meter !== undefined) meter.isProvisioned = environment.isProvisioned;
      },
    });
  }
}

function checkPayloadSize(payload: Buffer): void {
  const limitBytes = limits.INVOKE_PAYLOAD_BYTES_MAX;
  if (payload.length <= limitBytes) return;
  throw new PlatformError(
    { kind: "too_large", what: "payload", limitBytes, actualBytes: payload.length },
    `${payload.length} byte payload is too large for the RequestResponse invocation type (limit ${limitBytes} bytes)`,
  );
}

/** What a durable function replays comes from the platform alone, never from whoever calls. */
function checkExecution(
  { isExecution = false }: InvokeRequest,
  { version }: ResolvedFunction,
): void {
  if (version.configuration.durable === undefined || isExecution) return;
  throw new PlatformError(
    { kind: "invalid", field: "FunctionName" },
    "You cannot invoke a durable function with this operation: Invoke starts an execution of it.",
  );
}

function checkActive({ version }: ResolvedFunction): void {
  if (version.state === "Active") return;
  throw new PlatformError(
    { kind: "conflict", resource: "function", id: version.arn },
    `The operation cannot be performed at this time. The function is currently in the following state: ${version.state}`,
  );
}

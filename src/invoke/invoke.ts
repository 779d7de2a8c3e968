import type { Clock } from "../base/mod.ts";
import { PlatformError } from "../base/mod.ts";
import type { ConcurrencyLimiter } from "../fleet/mod.ts";
import type { Host } from "../host/mod.ts";
import {
  type DecisionRecord,
  type InvokeRequest,
  type InvokeResult,
  limits,
  type Owner,
} from "../model/mod.ts";
import type { ResolvedFunction } from "../registry/mod.ts";
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

export interface SpineOptions {
  readonly resolver: Resolver;
  readonly limiter: ConcurrencyLimiter;
  readonly host: Host;
  readonly clock: Clock;
}

/**
 * The way of every call: resolve, admit, run, record. Whatever calls functions (the API now, queues
 * and schedules later) wraps this one class.
 */
export class Spine {
  readonly #resolver: Resolver;
  readonly #limiter: ConcurrencyLimiter;
  readonly #host: Host;
  readonly #records: DecisionRecords;

  constructor(options: SpineOptions) {
    this.#resolver = options.resolver;
    this.#limiter = options.limiter;
    this.#host = options.host;
    this.#records = new DecisionRecords(options.clock);
  }

  /**
   * Runs one call to its end.
   * @throws PlatformError kinds "not_found", "conflict" (the function is not Active), "throttled",
   *   "too_large", "overloaded", "unavailable"; failures of user code are outcomes
   */
  async invoke(request: InvokeRequest): Promise<InvokeResult> {
    checkPayloadSize(request.payload);
    const { owner, functionName, qualifier } = request;
    const resolved = await this.#resolver.resolve(owner, functionName, qualifier);
    const decisions = this.#records.begin(request, resolved);
    try {
      using _permit = this.#admit(resolved, decisions);
      const result = await this.#run(request, resolved, decisions);
      decisions.finish(result);
      return result;
    } catch (error) {
      decisions.refuse(error);
      throw error;
    }
  }

  /** The decision record of a call of this owner, as long as it is kept. */
  decisionRecord(owner: Owner, requestId: string): DecisionRecord | undefined {
    return this.#records.get(owner, requestId);
  }

  #admit(resolved: ResolvedFunction, decisions: DecisionWriter): Disposable {
    const { version, reservedConcurrency } = resolved;
    const { owner, name } = version;
    checkActive(resolved);
    const unreserved = this.#resolver.unreservedConcurrency(owner);
    const permit = this.#limiter.admit(owner, name, reservedConcurrency, unreserved);
    const limit = reservedConcurrency ?? unreserved;
    const scope = reservedConcurrency === undefined ? "account" : "function";
    decisions.note("admit", scope, { limit, running: this.#limiter.running(owner) });
    return permit;
  }

  #run(
    request: InvokeRequest,
    resolved: ResolvedFunction,
    decisions: DecisionWriter,
  ): Promise<InvokeResult> {
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
      onAcquired({ environment, start }) {
        const facts = { environmentId: environment.id, instanceId: environment.instance.id };
        decisions.note("acquire", start, facts);
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

function checkActive({ version }: ResolvedFunction): void {
  if (version.state === "Active") return;
  throw new PlatformError(
    { kind: "conflict", resource: "function", id: version.arn },
    `The operation cannot be performed at this time. The function is currently in the following state: ${version.state}`,
  );
}

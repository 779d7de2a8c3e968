/** invoke: the spine. Every way of calling a function wraps this one interface. */
import type { DecisionRecord, InvokeRequest, InvokeResult, Owner } from "../model/mod.ts";

export interface Invoker {
  /**
   * Runs one call to its end.
   * @throws PlatformError kinds "not_found", "throttled", "conflict" (function not Active),
   *   "too_large", "overloaded"; failures of user code are outcomes
   */
  invoke(request: InvokeRequest): Promise<InvokeResult>;
  /** The decision record of a call of this owner, as long as it is kept. */
  decisionRecord(owner: Owner, requestId: string): DecisionRecord | undefined;
}

export type { CallMetrics } from "./call-meter.ts";
export type { Resolver, SpineOptions } from "./invoke.ts";
export { Spine } from "./invoke.ts";
export { ResponseStream } from "./response-stream.ts";

import { limits } from "../../model/mod.ts";

/** Bounds of the edge; ours, each against one way of wearing the server out. */
export interface HttpLimits {
  /** Connections of the public listeners. */
  readonly connectionsMax: number;
  /** Connections out of all sandboxes. */
  readonly connectionsOfSandboxesMax: number;
  readonly connectionsPerSandboxMax: number;
  /** Requests of a public connection that wait for their answers; one out of a sandbox has one. */
  readonly pipelinedMax: number;
  readonly requestsInFlightMax: number;
  /** Of those, requests that need no signature: the rest stays free for the APIs. */
  readonly openRequestsInFlightMax: number;
  /** One body. */
  readonly bodyBytesMax: number;
  /** The bodies of all requests in flight. */
  readonly bodiesBytesMax: number;
  /** Of requests that need no signature; counted apart, so that they take nothing from others. */
  readonly openBodiesBytesMax: number;
  /** Responses that their clients have not taken yet. */
  readonly responsesBytesMax: number;
  /** Request line and headers. */
  readonly headerBytesMax: number;
  /** From the first byte of a request to the end of its headers. */
  readonly headersMs: number;
  /** From the first byte of a request to its last; 72 MiB at 2 Mbit/s. */
  readonly requestMs: number;
  /** Between two requests of a connection; longer than clients keep idle connections. */
  readonly idleMs: number;
  /** Without the client taking a byte of its response. */
  readonly stallMs: number;
}

export const HTTP_LIMITS: HttpLimits = {
  connectionsMax: 10_000,
  connectionsOfSandboxesMax: 10_000,
  connectionsPerSandboxMax: 128,
  pipelinedMax: 32,
  requestsInFlightMax: 10_000,
  openRequestsInFlightMax: 4_000,
  bodyBytesMax: limits.REQUEST_BODY_BYTES_MAX,
  bodiesBytesMax: 1024 * 1024 * 1024,
  openBodiesBytesMax: 512 * 1024 * 1024,
  responsesBytesMax: 1024 * 1024 * 1024,
  headerBytesMax: 32 * 1024,
  headersMs: 20_000,
  requestMs: 300_000,
  idleMs: 75_000,
  stallMs: 60_000,
};

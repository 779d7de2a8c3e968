import { PlatformError } from "../../base/mod.ts";
import type { AuthenticatedRequest, HttpResponse } from "../http/request.ts";
import type { AdminPorts } from "./ports.ts";

export function json(status: number, value: unknown): HttpResponse {
  return {
    status,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(value),
  };
}

/** @throws PlatformError kind "forbidden" for everyone but the first account's lasting key */
export function requireOperator(request: AuthenticatedRequest, action: string): void {
  if (request.identity.operator) return;
  throw new PlatformError(
    { kind: "forbidden", action, resource: "server" },
    `${request.identity.arn} may not ${action}: that is for the operator's account`,
  );
}

/** `GET /_hearth/invocations/{requestId}`: how a call of the asking owner was decided. */
export function invocation(
  ports: AdminPorts,
  request: AuthenticatedRequest,
  [requestId = ""]: readonly string[],
): HttpResponse {
  const record = ports.invoker.decisionRecord(request.identity.owner, requestId);
  if (record !== undefined) return json(200, record);
  throw new PlatformError(
    { kind: "not_found", resource: "invocation", id: requestId },
    `No record of invocation ${requestId.slice(0, 100)}; records are kept for a while only`,
  );
}

/** `GET /_hearth/environments`: the asking owner's; all for the operator. */
export function environments(ports: AdminPorts, request: AuthenticatedRequest): HttpResponse {
  const { operator, owner } = request.identity;
  const shown = operator ? ports.host.environments() : ports.host.environments(owner);
  return json(200, { environments: shown });
}

/** `GET /_hearth/pools`: what waits for whom is the operator's business. */
export function pools(ports: AdminPorts, request: AuthenticatedRequest): HttpResponse {
  requireOperator(request, "see pools");
  return json(200, { pools: ports.host.pools() });
}

/** `GET /_hearth/doctor` */
export async function doctor(
  ports: AdminPorts,
  request: AuthenticatedRequest,
): Promise<HttpResponse> {
  requireOperator(request, "see the host's findings");
  return json(200, { findings: await ports.findings() });
}

/** `GET /_hearth/functions/metrics`: counters of the asking owner's functions, for Prometheus. */
export function functionMetrics(ports: AdminPorts, request: AuthenticatedRequest): HttpResponse {
  const headers = { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" };
  const body = ports.functionMetrics.prometheusText(request.identity.owner);
  return { status: 200, headers, body };
}

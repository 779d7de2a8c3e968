import { PlatformError } from "../../base/mod.ts";
import { jsonFailure } from "../http/failure.ts";
import type { AuthenticatedRequest, HttpResponse } from "../http/request.ts";
import type { AdminHandler } from "../http/server.ts";
import { createAccount, listAccounts } from "./accounts.ts";
import { artifact, artifacts, sink, sinks } from "./artifacts.ts";
import { downloadCode } from "./code.ts";
import { debugSessions } from "./debug.ts";
import { functionLogs } from "./logs.ts";
import {
  deletePolicy,
  getPolicy,
  listSidecars,
  putPolicy,
  registerSidecar,
  removeSidecar,
} from "./policies.ts";
import type { AdminPorts } from "./ports.ts";
import { deleteSigningProfile, getSigningProfile, putSigningProfile } from "./signing-profiles.ts";
import { doctor, environments, functionMetrics, invocation, pools } from "./views.ts";

/** One operation of `/_hearth`; `names` are the decoded variable parts of the path, in order. */
type Operation = (
  ports: AdminPorts,
  request: AuthenticatedRequest,
  names: readonly string[],
) => HttpResponse | Promise<HttpResponse>;

interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Segments after `/_hearth/`; "*" takes any one. */
  readonly segments: readonly string[];
  readonly operation: Operation;
}

const ROUTES: readonly Route[] = [
  route("GET", "invocations/*", invocation),
  route("GET", "environments", environments),
  route("GET", "pools", pools),
  route("GET", "doctor", doctor),
  route("GET", "accounts", listAccounts),
  route("POST", "accounts", createAccount),
  route("GET", "functions/*/logs", functionLogs),
  route("GET", "functions/metrics", functionMetrics),
  route("GET", "code/*/*", downloadCode),
  route("GET", "policy", getPolicy),
  route("PUT", "policy", putPolicy),
  route("DELETE", "policy", deletePolicy),
  route("GET", "functions/*/policy", getPolicy),
  route("PUT", "functions/*/policy", putPolicy),
  route("DELETE", "functions/*/policy", deletePolicy),
  route("GET", "sidecars", listSidecars),
  route("PUT", "sidecars/*", registerSidecar),
  route("DELETE", "sidecars/*", removeSidecar),
  route("GET", "invocations/*/artifacts", artifacts),
  route("GET", "invocations/*/artifacts/*", artifact),
  route("GET", "debug", debugSessions),
  route("GET", "sinks", sinks),
  route("GET", "sinks/*", sink),
  route("PUT", "signing-profiles/*", putSigningProfile),
  route("GET", "signing-profiles/*", getSigningProfile),
  route("DELETE", "signing-profiles/*", deleteSigningProfile),
];

function route(method: Route["method"], path: string, operation: Operation): Route {
  return { method, segments: path.split("/"), operation };
}

/** Hearth's own API below `/_hearth/`. docs/guides/admin-api.md describes it for its users. */
export function createAdminApi(ports: AdminPorts): AdminHandler {
  return {
    unsigned: (method, path, fromSandbox) => unsigned(ports, method, path, fromSandbox),
    async handle(request) {
      const { operation, names } = find(request);
      return await operation(ports, request, names);
    },
    failure: jsonFailure,
  };
}

/** Load balancers and scrapers sign nothing; code in sandboxes sees health alone. */
function unsigned(
  ports: AdminPorts,
  method: string,
  path: string,
  fromSandbox: boolean,
): HttpResponse | undefined {
  if (method !== "GET" && method !== "HEAD") return undefined;
  switch (path) {
    case "/health":
    case "/_hearth/health": {
      const body = JSON.stringify({ status: "ok", version: ports.version });
      return { status: 200, headers: { "Content-Type": "application/json" }, body };
    }
    case "/metrics":
    case "/_hearth/metrics": {
      if (fromSandbox) return undefined;
      const headers = { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" };
      return { status: 200, headers, body: ports.metrics.text() };
    }
    default:
      return undefined;
  }
}

function find(request: AuthenticatedRequest): { operation: Operation; names: readonly string[] } {
  const segments = request.path.split("/").slice(2);
  for (const candidate of ROUTES) {
    if (candidate.method !== request.method) continue;
    const names = matched(candidate.segments, segments);
    if (names !== undefined) return { operation: candidate.operation, names };
  }
  throw new PlatformError(
    { kind: "unknown_operation", operation: `${request.method} ${request.path}` },
    `No such operation: ${request.method} ${request.path.slice(0, 200)}`,
  );
}

/** What stood for each "*"; undefined when the path is another's. */
function matched(
  pattern: readonly string[],
  segments: readonly string[],
): readonly string[] | undefined {
  if (pattern.length !== segments.length) return undefined;
  const names: string[] = [];
  for (const [at, expected] of pattern.entries()) {
    const segment = segments[at] ?? "";
    if (expected !== "*" && expected !== segment) return undefined;
    if (expected === "*") names.push(decoded(segment));
  }
  return names;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw new PlatformError(
      { kind: "invalid", field: "path" },
      `Path segment is not percent-encoded UTF-8: ${segment.slice(0, 100)}`,
      { cause },
    );
  }
}

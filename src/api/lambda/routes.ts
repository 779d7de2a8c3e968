import type { AuthenticatedRequest } from "../http/request.ts";
import { capacityProviderRoutes } from "./operation/capacity-providers.ts";
import { codeSigningRoutes } from "./operation/code-signing.ts";
import { durableRoutes } from "./operation/durable-executions.ts";
import { eventInvokeRoutes } from "./operation/event-invoke.ts";
import { eventSourceRoutes } from "./operation/event-source-mappings.ts";
import { functionUrlRoutes } from "./operation/function-urls.ts";
import { functionRoutes } from "./operation/functions.ts";
import { streamingRoutes } from "./operation/invoke-with-response-stream.ts";
import { layerRoutes } from "./operation/layers.ts";
import { policyRoutes } from "./operation/policies.ts";
import { provisionedConcurrencyRoutes } from "./operation/provisioned-concurrency.ts";
import { settingRoutes } from "./operation/settings.ts";
import type { Route } from "./route.ts";

/** Every operation offered, the busiest first: the first match wins. */
export const ROUTES: readonly Route[] = [
  ...functionRoutes,
  ...durableRoutes,
  ...layerRoutes,
  ...codeSigningRoutes,
  ...provisionedConcurrencyRoutes,
  ...streamingRoutes,
  ...functionUrlRoutes,
  ...eventInvokeRoutes,
  ...policyRoutes,
  ...settingRoutes,
  ...capacityProviderRoutes,
  ...eventSourceRoutes,
];

type RoutedRequest = Pick<AuthenticatedRequest, "method" | "path" | "query">;

/** A route and what the path filled into it. */
export interface RouteMatch {
  readonly route: Route;
  readonly labels: readonly string[];
}

/** The operation that a request names; undefined when Hearth has none. */
export function matchRoute(request: RoutedRequest): RouteMatch | undefined {
  const { method, path } = request;
  for (const route of ROUTES) {
    if (route.method !== method) continue;
    const match = route.path.exec(path);
    // The query is read only for the few paths that it divides.
    const [name = "", value] = route.query ?? [];
    if (match && value !== undefined && request.query.get(name) !== value) continue;
    if (match) return { route, labels: match.slice(1).map(decodeLabel) };
  }
  return undefined;
}

/** A path is as its client wrote it: what cannot be decoded stays, and names nothing. */
function decodeLabel(label: string): string {
  if (!label.includes("%")) return label;
  try {
    return decodeURIComponent(label);
  } catch {
    return label;
  }
}

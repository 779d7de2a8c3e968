import { functionRoutes } from "./operation/functions.ts";
import type { Route } from "./route.ts";

/** Every operation offered, the busiest first: the first match wins. */
export const ROUTES: readonly Route[] = [...functionRoutes];

/** A route and what the path filled into it. */
export interface RouteMatch {
  readonly route: Route;
  readonly labels: readonly string[];
}

/** The operation that a method and path name; undefined when Hearth has none. */
export function matchRoute(method: string, path: string): RouteMatch | undefined {
  for (const route of ROUTES) {
    if (route.method !== method) continue;
    const match = route.path.exec(path);
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

import type { Operation } from "./operation.ts";

/** One operation of the API: how a request names it, and what runs then. */
export interface Route {
  /** AWS's name of the operation. */
  readonly name: string;
  readonly method: string;
  /** AWS's pattern of the path, labels in braces. */
  readonly pattern: string;
  /** Matches the path; its groups are the labels, still percent-encoded. */
  readonly path: RegExp;
  /** A parameter that the query must have with this value. */
  readonly query?: readonly [name: string, value: string];
  readonly run: Operation;
}

/** Where the paths of operations on one function begin. */
export const FUNCTION: string = "/2015-03-31/functions/{FunctionName}";

/** A pattern of AWS's API model: labels in braces, a trailing slash more or less, `?NAME=VALUE`. */
export function route(name: string, method: string, pattern: string, run: Operation): Route {
  const [path = "", query] = pattern.split("?");
  const source = path.replace(/\{\w+\}/g, "([^/]+)");
  const found = { name, method, pattern, path: new RegExp(`^${source}/?$`), run };
  if (query === undefined) return found;
  const [parameter = "", value = ""] = query.split("=");
  return { ...found, query: [parameter, value] };
}

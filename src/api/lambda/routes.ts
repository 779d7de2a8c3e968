import {
  createAlias,
  deleteAlias,
  getAlias,
  listAliases,
  updateAlias,
} from "./operation/aliases.ts";
import {
  deleteFunctionConcurrency,
  getAccountSettings,
  getFunctionConcurrency,
  putFunctionConcurrency,
} from "./operation/concurrency.ts";
import { createFunction } from "./operation/create-function.ts";
import { deleteFunction } from "./operation/delete-function.ts";
import { invoke } from "./operation/invoke.ts";
import { listFunctions } from "./operation/list-functions.ts";
import { getFunction, getFunctionConfiguration } from "./operation/read-function.ts";
import { listTags, tagResource, untagResource } from "./operation/tags.ts";
import { updateFunctionCode, updateFunctionConfiguration } from "./operation/update-function.ts";
import { listVersionsByFunction, publishVersion } from "./operation/versions.ts";
import type { Operation } from "./operation.ts";

export interface Route {
  readonly name: string;
  readonly method: string;
  /** Matches the path; its groups are the labels, still percent-encoded. */
  readonly path: RegExp;
  readonly run: Operation;
}

const FUNCTION = "/2015-03-31/functions/{FunctionName}";

/** Every operation offered, the busiest first: the first match wins. */
const ROUTES: readonly Route[] = [
  route("Invoke", "POST", `${FUNCTION}/invocations`, invoke),
  route("GetFunction", "GET", FUNCTION, getFunction),
  route("GetFunctionConfiguration", "GET", `${FUNCTION}/configuration`, getFunctionConfiguration),
  route("CreateFunction", "POST", "/2015-03-31/functions", createFunction),
  route("ListFunctions", "GET", "/2015-03-31/functions", listFunctions),
  route("UpdateFunctionCode", "PUT", `${FUNCTION}/code`, updateFunctionCode),
  route(
    "UpdateFunctionConfiguration",
    "PUT",
    `${FUNCTION}/configuration`,
    updateFunctionConfiguration,
  ),
  route("DeleteFunction", "DELETE", FUNCTION, deleteFunction),
  route("PublishVersion", "POST", `${FUNCTION}/versions`, publishVersion),
  route("ListVersionsByFunction", "GET", `${FUNCTION}/versions`, listVersionsByFunction),
  route("CreateAlias", "POST", `${FUNCTION}/aliases`, createAlias),
  route("ListAliases", "GET", `${FUNCTION}/aliases`, listAliases),
  route("GetAlias", "GET", `${FUNCTION}/aliases/{Name}`, getAlias),
  route("UpdateAlias", "PUT", `${FUNCTION}/aliases/{Name}`, updateAlias),
  route("DeleteAlias", "DELETE", `${FUNCTION}/aliases/{Name}`, deleteAlias),
  route("TagResource", "POST", "/2017-03-31/tags/{Resource}", tagResource),
  route("UntagResource", "DELETE", "/2017-03-31/tags/{Resource}", untagResource),
  route("ListTags", "GET", "/2017-03-31/tags/{Resource}", listTags),
  route(
    "PutFunctionConcurrency",
    "PUT",
    "/2017-10-31/functions/{FunctionName}/concurrency",
    putFunctionConcurrency,
  ),
  route(
    "GetFunctionConcurrency",
    "GET",
    "/2019-09-30/functions/{FunctionName}/concurrency",
    getFunctionConcurrency,
  ),
  route(
    "DeleteFunctionConcurrency",
    "DELETE",
    "/2017-10-31/functions/{FunctionName}/concurrency",
    deleteFunctionConcurrency,
  ),
  route("GetAccountSettings", "GET", "/2016-08-19/account-settings", getAccountSettings),
];

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

/** A pattern of AWS's API model: labels in braces, a trailing slash more or less. */
function route(name: string, method: string, pattern: string, run: Operation): Route {
  const source = pattern.replace(/\{\w+\}/g, "([^/]+)");
  return { name, method, path: new RegExp(`^${source}/?$`), run };
}

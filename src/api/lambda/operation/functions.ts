import { FUNCTION, type Route, route } from "../route.ts";
import { createAlias, deleteAlias, getAlias, listAliases, updateAlias } from "./aliases.ts";
import {
  deleteFunctionConcurrency,
  getAccountSettings,
  getFunctionConcurrency,
  putFunctionConcurrency,
} from "./concurrency.ts";
import { createFunction } from "./create-function.ts";
import { deleteFunction } from "./delete-function.ts";
import { invoke } from "./invoke.ts";
import { listFunctions } from "./list-functions.ts";
import { getFunction, getFunctionConfiguration } from "./read-function.ts";
import { listTags, tagResource, untagResource } from "./tags.ts";
import { updateFunctionCode, updateFunctionConfiguration } from "./update-function.ts";
import { listVersionsByFunction, publishVersion } from "./versions.ts";

/** The operations on functions, versions, aliases, concurrency and tags. */
export const functionRoutes: readonly Route[] = [
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

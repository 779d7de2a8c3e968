import { PlatformError } from "../../base/mod.ts";
import type { AuthenticatedRequest, HttpResponse } from "../http/request.ts";
import type { AdminPorts } from "./ports.ts";
import { json, requireOperator } from "./views.ts";

/** `GET /_hearth/accounts`: every account, without secrets. */
export async function listAccounts(
  ports: AdminPorts,
  request: AuthenticatedRequest,
): Promise<HttpResponse> {
  requireOperator(request, "list accounts");
  return json(200, { accounts: await ports.accounts.list() });
}

/** `POST /_hearth/accounts` with `{"name": …}`: answers with the key, this once. */
export async function createAccount(
  ports: AdminPorts,
  request: AuthenticatedRequest,
): Promise<HttpResponse> {
  requireOperator(request, "create accounts");
  return json(201, await ports.accounts.create(nameIn(request.body)));
}

function nameIn(body: Buffer): string {
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch (cause) {
    throw new PlatformError({ kind: "invalid", field: "body" }, "Body is not JSON", { cause });
  }
  if (typeof value === "object" && value !== null && "name" in value) {
    if (typeof value.name === "string") return value.name;
  }
  throw new PlatformError(
    { kind: "invalid", field: "name" },
    'Body must be an object with a string "name"',
  );
}

import { parseFunctionReference } from "../../model/mod.ts";
import type { PolicyPrincipal } from "../../registry/mod.ts";
import type { Identity } from "../http/request.ts";
import type { LambdaCall, NamedFunction } from "./operation.ts";

/** Calls that name a function of another account: whether that function's policy lets them in. */

/** Operations whose permission has another name. */
const ACTIONS: Readonly<Record<string, string>> = {
  Invoke: "InvokeFunction",
  InvokeAsync: "InvokeFunction",
  InvokeWithResponseStream: "InvokeFunction",
};

/**
 * Operations that work on the version or alias that is named. All others work on the function as a
 * whole, whatever the qualifier: what the policy of an alias allows must not open them.
 */
const QUALIFIED_OPERATIONS: ReadonlySet<string> = new Set([
  ...["Invoke", "InvokeAsync", "InvokeWithResponseStream"],
  ...["GetFunction", "GetFunctionConfiguration", "DeleteFunction"],
  ...["AddPermission", "RemovePermission", "GetPolicy"],
  ...["PutResourcePolicy", "GetResourcePolicy", "DeleteResourcePolicy"],
  ...["PutRuntimeManagementConfig", "GetRuntimeManagementConfig"],
  ...["PutFunctionScalingConfig", "GetFunctionScalingConfig"],
  ...["PutProvisionedConcurrencyConfig", "GetProvisionedConcurrencyConfig"],
  "DeleteProvisionedConcurrencyConfig",
  ...["CreateFunctionUrlConfig", "GetFunctionUrlConfig"],
  ...["UpdateFunctionUrlConfig", "DeleteFunctionUrlConfig"],
  ...["PutFunctionEventInvokeConfig", "GetFunctionEventInvokeConfig"],
  ...["UpdateFunctionEventInvokeConfig", "DeleteFunctionEventInvokeConfig"],
  "ListDurableExecutionsByFunction",
]);

/** The action that a policy must allow for an operation. */
export function actionOf(operation: string): string {
  return `lambda:${ACTIONS[operation] ?? operation}`;
}

/** The function of another account that the path names; callers' own functions cost nothing. */
export function foreignFunction({ labels, request }: LambdaCall): NamedFunction | undefined {
  const [text = ""] = labels;
  if (!text.includes(":")) return undefined;
  const reference = parseFunctionReference(text);
  if (reference?.owner === undefined || reference.owner === request.identity.owner) {
    return undefined;
  }
  const { owner, name } = reference;
  const asked = request.query.get("Qualifier") ?? "";
  const qualifier = asked === "" ? reference.qualifier : asked;
  return { owner, name, ...(qualifier === undefined ? {} : { qualifier }) };
}

/** The call, with leave to use that function if its policy gives it. */
export async function permitted(call: LambdaCall, foreign: NamedFunction): Promise<LambdaCall> {
  const { owner, name, qualifier } = foreign;
  if (qualifier !== undefined && !QUALIFIED_OPERATIONS.has(call.operation)) return call;
  const isAllowed = await call.services.policies.allows(owner, name, qualifier, {
    principal: principalOf(call.request.identity),
    action: actionOf(call.operation),
    context: { "lambda:InvokedViaFunctionUrl": "false" },
  });
  return isAllowed ? { ...call, permitted: foreign } : call;
}

/** A signed request's sender, as policies know them. */
export function principalOf({ owner, arn }: Identity): PolicyPrincipal {
  return { kind: "account", owner, arn };
}

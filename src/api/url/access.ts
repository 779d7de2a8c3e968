import { PlatformError } from "../../base/mod.ts";
import { limits } from "../../model/mod.ts";
import type { FunctionUrl, PolicyPrincipal, PolicyRegistry } from "../../registry/mod.ts";
import type { Identity, OpenRequest } from "../http/request.ts";
import { signedTargetOf, type UrlTarget } from "./address.ts";

/** A request that may call the function. */
export interface AdmittedRequest {
  readonly identity?: Identity;
  readonly path: string;
  readonly body: Buffer;
}

/** Both are needed. Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html */
const ACTIONS: readonly string[] = ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"];

/**
 * Lets in whoever may call a function by its URL, and takes the body. Where nobody signs, the
 * function's policy must let everybody in; where callers sign, it must let other accounts in.
 * @throws PlatformError kinds "forbidden", "unauthenticated", "too_large", "overloaded"
 */
export async function admitRequest(
  policies: PolicyRegistry,
  url: FunctionUrl,
  target: UrlTarget,
  request: OpenRequest,
): Promise<AdmittedRequest> {
  if (url.authType === "NONE") {
    await requireAllowed(policies, url, { kind: "anonymous" });
    const body = await request.readBody(limits.INVOKE_PAYLOAD_BYTES_MAX);
    return { path: target.path, body };
  }
  const signed = await request.authenticate(limits.INVOKE_PAYLOAD_BYTES_MAX);
  const { identity, service, body } = signed;
  const covered = signedTargetOf(request.headers.host, request.path);
  if (service !== "lambda" || covered?.id !== target.id) throw forbidden(url);
  if (identity.owner !== url.owner) {
    const { owner, arn } = identity;
    await requireAllowed(policies, url, { kind: "account", owner, arn });
  }
  return { identity, path: covered.path, body };
}

async function requireAllowed(
  policies: PolicyRegistry,
  url: FunctionUrl,
  principal: PolicyPrincipal,
): Promise<void> {
  const { owner, functionName, qualifier, authType } = url;
  const context = {
    "lambda:FunctionUrlAuthType": authType,
    "lambda:InvokedViaFunctionUrl": "true",
  };
  for (const action of ACTIONS) {
    const request = { principal, action, context };
    if (!(await policies.allows(owner, functionName, qualifier, request))) throw forbidden(url);
  }
}

function forbidden({ functionArn }: FunctionUrl): PlatformError {
  return new PlatformError(
    { kind: "forbidden", action: "lambda:InvokeFunctionUrl", resource: functionArn },
    "The function's policy does not allow the call",
  );
}

import type { ExecutionReference } from "../../durable/mod.ts";
import type { Owner } from "../../model/mod.ts";
import { LambdaError, validationError } from "./errors.ts";
import type { LambdaCall } from "./operation.ts";
import { actionOf } from "./permission.ts";
import { violation } from "./validation.ts";

/** What names executions and callbacks in requests, checked. */

/** AWS's own pattern, as its messages quote it. */
const ARN_PATTERN =
  "arn:([a-zA-Z0-9-]+):lambda:([a-zA-Z0-9-]+):(\\d{12}):function:([a-zA-Z0-9_-]+):" +
  "(\\$LATEST(?:\\.PUBLISHED)?|[0-9]+)/durable-execution/([a-zA-Z0-9_-]+)/([a-zA-Z0-9_-]+)";
const ARN_LENGTH_MAX = 1024;
const TOKEN = { pattern: "[A-Za-z0-9+/]+={0,2}", lengthMax: 2048 };
const CALLBACK = { pattern: "[A-Za-z0-9+/]+={0,2}", lengthMax: 1024 };
const NAME = { pattern: "[a-zA-Z0-9-_]+", lengthMax: 64 };

/** An execution that a request names, and the ARN it used for that. */
export interface NamedExecution extends ExecutionReference {
  readonly arn: string;
}

/**
 * The execution of the path, if it may be one of the caller's.
 * @throws LambdaError ValidationException, AccessDeniedException, ResourceNotFoundException
 */
export function namedExecution(call: LambdaCall): NamedExecution {
  const [arn = ""] = call.labels;
  requireText(arn, "durableExecutionArn", { pattern: ARN_PATTERN, lengthMax: ARN_LENGTH_MAX });
  const match = new RegExp(`^${ARN_PATTERN}$`).exec(arn);
  const [, , region, owner, functionName = "", , , id = ""] = match ?? [];
  const { identity } = call.request;
  if (owner !== identity.owner) {
    const action = actionOf(call.operation);
    throw new LambdaError(
      403,
      "AccessDeniedException",
      `User: ${identity.arn} is not authorized to perform: ${action} on resource: ${arn} ` +
        `because no resource-based policy allows the ${action} action`,
    );
  }
  if (region !== call.services.region) throw executionNotFound(arn);
  return { arn, owner: owner as Owner, functionName, id };
}

export function executionNotFound(arn: string): LambdaError {
  return new LambdaError(404, "ResourceNotFoundException", `Durable execution not found: ${arn}`);
}

export function requireToken(token: string): string {
  return requireText(token, "checkpointToken", TOKEN);
}

/** The callback of the path. */
export function callbackIdOf({ labels }: LambdaCall): string {
  return requireText(labels[0] ?? "", "callbackId", CALLBACK);
}

export function requireExecutionName(name: string): string {
  return requireText(name, "durableExecutionName", NAME);
}

function requireText(
  text: string,
  field: string,
  { pattern, lengthMax }: { readonly pattern: string; readonly lengthMax: number },
): string {
  const violations: string[] = [];
  const refuse = (constraint: string): void => {
    violations.push(violation(text, field, constraint));
  };
  if (text.length < 1) refuse("Member must have length greater than or equal to 1");
  if (text.length > lengthMax) refuse(`Member must have length less than or equal to ${lengthMax}`);
  if (!new RegExp(`^${pattern}$`).test(text)) {
    refuse(`Member must satisfy regular expression pattern: ${pattern}`);
  }
  if (violations.length > 0) throw validationError(violations);
  return text;
}

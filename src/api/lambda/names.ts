import { type FunctionReference, functionArn, parseFunctionReference } from "../../model/mod.ts";
import { invalidParameter, LambdaError, validationError } from "./errors.ts";
import type { LambdaCall, NamedFunction } from "./operation.ts";
import { actionOf } from "./permission.ts";
import { violation } from "./validation.ts";

export type { NamedFunction } from "./operation.ts";

const REGION = "[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}";
const QUALIFIED = "(:(\\$LATEST|[a-zA-Z0-9-_]+))?";

/** AWS's own pattern of a name, partial ARN or ARN, as its messages quote it. */
function namePattern(characters: string): string {
  const prefix = `(arn:(aws[a-zA-Z-]*)?:lambda:)?(${REGION}:)?(\\d{12}:)?(function:)?`;
  return `${prefix}([${characters}]+)${QUALIFIED}`;
}

/** Two kinds of name in AWS's model; the reading operations also take a namespaced one. */
const PLAIN = { pattern: namePattern("a-zA-Z0-9-_"), lengthMax: 140 };
const NAMESPACED = { pattern: namePattern("a-zA-Z0-9-_\\."), lengthMax: 170 };
const NAMESPACED_OPERATIONS: ReadonlySet<string> = new Set([
  "GetFunction",
  "GetFunctionConfiguration",
  "Invoke",
  "ListVersionsByFunction",
]);
const BARE_NAME_LENGTH_MAX = 64;

const matchers: ReadonlyMap<object, RegExp> = new Map(
  [PLAIN, NAMESPACED].map((kind) => [kind, new RegExp(`^${kind.pattern}$`)]),
);

const QUALIFIER_PATTERN = "(|[a-zA-Z0-9$_-]+)";
const QUALIFIER_LENGTH_MAX = 128;

/**
 * Takes the function name of a request apart.
 * @param text name, partial ARN or ARN, with or without qualifier
 * @param qualifier from the query; must agree with the one in `text`
 * @throws LambdaError ValidationException, AccessDeniedException, ResourceNotFoundException,
 *   InvalidParameterValueException
 */
export function namedFunction(call: LambdaCall, text: string, qualifier = ""): NamedFunction {
  const kind = NAMESPACED_OPERATIONS.has(call.operation) ? NAMESPACED : PLAIN;
  const violations = [
    ...nameViolations(text, kind, kind.lengthMax),
    ...qualifierViolations(qualifier),
  ];
  if (violations.length > 0) throw validationError(violations);
  const reference = parseFunctionReference(text);
  const { owner } = call.request.identity;
  if (!reference) {
    const arn = functionArn(call.services.region, owner, text);
    throw new LambdaError(404, "ResourceNotFoundException", `Function not found: ${arn}`);
  }
  const wanted = qualifier === "" ? reference.qualifier : qualifier;
  requireReachable(call, reference, wanted);
  if (wanted !== (reference.qualifier ?? wanted)) {
    throw invalidParameter(
      "The derived qualifier from the function name does not match the specified qualifier.",
    );
  }
  return {
    owner: reference.owner ?? owner,
    name: reference.name,
    ...(wanted === undefined ? {} : { qualifier: wanted }),
  };
}

/** The path's first label and the Qualifier of the query. */
export function namedByRequest(call: LambdaCall): NamedFunction {
  const [text = ""] = call.labels;
  const { query } = call.request;
  return namedFunction(call, text, (query.size > 0 && query.get("Qualifier")) || "");
}

/** A function as a whole: tags, aliases and reservations do not belong to one version. */
export function unqualified(named: NamedFunction): NamedFunction {
  if (named.qualifier === undefined) return named;
  throw invalidParameter(
    "This operation is permitted on Lambda functions only. Aliases and versions do not support " +
      "this operation. Please specify either a function name or an unqualified function ARN.",
  );
}

/** The name of a function to be created. */
export function newFunctionName(call: LambdaCall, text: string): string {
  if (/^[a-zA-Z0-9-_]*$/.test(text)) {
    const violations = nameViolations(text, PLAIN, BARE_NAME_LENGTH_MAX);
    // Here alone AWS reports a broken constraint as an invalid parameter.
    if (violations.length > 0) throw invalidParameter(validationError(violations).message);
  }
  const { name, qualifier } = namedFunction(call, text);
  if (qualifier === undefined) return name;
  throw validationError([
    violation(
      text,
      "functionName",
      `Member must satisfy regular expression pattern: ${PLAIN.pattern}`,
    ),
  ]);
}

function nameViolations(text: string, kind: typeof PLAIN, lengthMax: number): string[] {
  const violations: string[] = [];
  if (text.length > lengthMax) {
    const constraint = `Member must have length less than or equal to ${lengthMax}`;
    violations.push(violation(text, "functionName", constraint));
  }
  if (!matchers.get(kind)?.test(text)) {
    const constraint = `Member must satisfy regular expression pattern: ${kind.pattern}`;
    violations.push(violation(text, "functionName", constraint));
  }
  return violations;
}

function qualifierViolations(qualifier: string): string[] {
  const violations: string[] = [];
  if (qualifier.length > QUALIFIER_LENGTH_MAX) {
    const constraint = `Member must have length less than or equal to ${QUALIFIER_LENGTH_MAX}`;
    violations.push(violation(qualifier, "qualifier", constraint));
  }
  if (!/^[a-zA-Z0-9$_-]*$/.test(qualifier)) {
    const constraint = `Member must satisfy regular expression pattern: ${QUALIFIER_PATTERN}`;
    violations.push(violation(qualifier, "qualifier", constraint));
  }
  return violations;
}

/** A name lies in this region, and in the caller's account or where a policy lets it in. */
function requireReachable(
  call: LambdaCall,
  reference: FunctionReference,
  qualifier: string | undefined,
): void {
  const { identity } = call.request;
  const { region } = call.services;
  const { owner = identity.owner, name } = reference;
  if (owner !== identity.owner && !isPermitted(call, { owner, name }, qualifier)) {
    const action = actionOf(call.operation);
    const arn = functionArn(reference.region ?? region, owner, name);
    throw new LambdaError(
      403,
      "AccessDeniedException",
      `User: ${identity.arn} is not authorized to perform: ${action} on resource: ${arn} ` +
        `because no resource-based policy allows the ${action} action`,
    );
  }
  if (reference.region !== undefined && reference.region !== region) {
    throw new LambdaError(
      404,
      "ResourceNotFoundException",
      `Functions from '${reference.region}' are not reachable in this region ('${region}')`,
    );
  }
}

function isPermitted(
  { permitted }: LambdaCall,
  { owner, name }: NamedFunction,
  qualifier: string | undefined,
): boolean {
  return permitted?.owner === owner && permitted.name === name && permitted.qualifier === qualifier;
}

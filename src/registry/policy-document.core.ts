import { PlatformError } from "../base/mod.ts";
import { isOwner, limits } from "../model/mod.ts";
import type { PolicyDocument, PolicyStatement, StatementPrincipal } from "./policy.core.ts";

/** Pure making and checking of policy documents. */

/** What AddPermission says about a statement; field names are AWS's. */
export interface Permission {
  readonly statementId: string;
  readonly action: string;
  /** An account, the ARN of an identity, `*`, or a service such as `s3.amazonaws.com`. */
  readonly principal: string;
  readonly sourceArn?: string;
  readonly sourceAccount?: string;
  readonly principalOrgId?: string;
  readonly eventSourceToken?: string;
  readonly functionUrlAuthType?: string;
  readonly invokedViaFunctionUrl?: boolean;
}

/**
 * The statement that AWS makes of a permission, member by member in its order.
 * @throws PlatformError kind "invalid" when the principal is none
 */
export function statementOf(permission: Permission, resource: string): PolicyStatement {
  const { sourceArn, invokedViaFunctionUrl } = permission;
  const equals = defined({
    "lambda:FunctionUrlAuthType": permission.functionUrlAuthType,
    "aws:PrincipalOrgID": permission.principalOrgId,
    "AWS:SourceAccount": permission.sourceAccount,
    "lambda:EventSourceToken": permission.eventSourceToken,
  });
  const conditions = {
    ...(Object.keys(equals).length === 0 ? {} : { StringEquals: equals }),
    ...(invokedViaFunctionUrl === undefined
      ? {}
      : { Bool: { "lambda:InvokedViaFunctionUrl": String(invokedViaFunctionUrl) } }),
    ...(sourceArn === undefined ? {} : { ArnLike: { "AWS:SourceArn": sourceArn } }),
  };
  return {
    Sid: permission.statementId,
    Effect: "Allow",
    Principal: principalOf(permission.principal),
    Action: permission.action,
    Resource: resource,
    ...(Object.keys(conditions).length === 0 ? {} : { Condition: conditions }),
  };
}

function principalOf(principal: string): StatementPrincipal {
  if (principal === "*") return "*";
  if (isOwner(principal)) return { AWS: `arn:aws:iam::${principal}:root` };
  if (/^arn:aws[a-z-]*:(iam|sts)::\d{12}:.+$/.test(principal)) return { AWS: principal };
  if (/^[a-z0-9.-]+\.amazonaws\.com(\.cn)?$/.test(principal)) return { Service: principal };
  throw new PlatformError(
    { kind: "invalid", field: "Principal" },
    "The provided principal was invalid. Please check the principal and try again.",
  );
}

/**
 * The policy with one more statement.
 * @throws PlatformError kinds "already_exists", "too_large"
 */
export function withStatement(
  policy: PolicyDocument | undefined,
  statement: PolicyStatement,
): PolicyDocument {
  const before = policy ?? { Version: "2012-10-17", Id: "default", Statement: [] };
  const id = statement.Sid ?? "";
  if (before.Statement.some(({ Sid }) => Sid === id)) {
    throw new PlatformError(
      { kind: "already_exists", resource: "statement", id },
      `The statement id (${id}) provided already exists. ` +
        "Please provide a new statement id, or remove the existing statement.",
    );
  }
  return requireSize({ ...before, Statement: [...before.Statement, statement] });
}

/**
 * Reads a policy given as JSON; a single statement may stand without its list, as on AWS.
 * @throws PlatformError kinds "invalid", "too_large"
 */
export function policyDocumentOf(json: string): PolicyDocument {
  const parsed = parseJson(json);
  if (!isRecord(parsed)) throw invalidDocument("The policy must be a JSON object");
  const { Version = "2008-10-17", Id } = parsed;
  if (Version !== "2012-10-17" && Version !== "2008-10-17") {
    throw invalidDocument("Version must be 2012-10-17 or 2008-10-17");
  }
  if (Id !== undefined && typeof Id !== "string") throw invalidDocument("Id must be a string");
  const statements: unknown[] = Array.isArray(parsed.Statement)
    ? parsed.Statement
    : [parsed.Statement];
  if (statements.length === 0) throw invalidDocument("Statement must not be empty");
  const Statement = statements.map(requireStatement);
  const ids = Statement.flatMap(({ Sid }) => (Sid === undefined ? [] : [Sid]));
  if (new Set(ids).size < ids.length) throw invalidDocument("Statement ids must be unique");
  return requireSize({ Version, ...(Id === undefined ? {} : { Id }), Statement });
}

const ELEMENTS: ReadonlySet<string> = new Set([
  ...["Sid", "Effect", "Principal", "Action", "Resource", "Condition"],
]);

function requireStatement(value: unknown): PolicyStatement {
  if (!isRecord(value)) throw invalidDocument("Statement must be an object");
  const unknown = Object.keys(value).find((name) => !ELEMENTS.has(name));
  if (unknown !== undefined) throw invalidDocument(`Element ${unknown} is not offered`);
  const { Sid, Effect, Principal, Action, Resource, Condition } = value;
  if (Sid !== undefined && (typeof Sid !== "string" || !/^[a-zA-Z0-9-_]{1,100}$/.test(Sid))) {
    throw invalidDocument("Sid must be letters, digits, hyphens and underscores");
  }
  if (Effect !== "Allow" && Effect !== "Deny") {
    throw invalidDocument("Effect must be Allow or Deny");
  }
  if (Principal !== "*" && !isMapOfTexts(Principal)) {
    throw invalidDocument("Principal must be * or name AWS accounts, identities or services");
  }
  if (!isTexts(Action)) throw invalidDocument("Action must be a string or a list of strings");
  if (!isTexts(Resource)) throw invalidDocument("Resource must be a string or a list of strings");
  if (Condition !== undefined && !isConditions(Condition)) {
    throw invalidDocument("Condition must map operators to keys with their values");
  }
  return value as unknown as PolicyStatement;
}

function isConditions(value: unknown): boolean {
  return isRecord(value) && Object.values(value).every(isMapOfTexts);
}

function isMapOfTexts(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const entries = Object.values(value);
  return entries.length > 0 && entries.every(isTexts);
}

function isTexts(value: unknown): boolean {
  if (typeof value === "string") return value !== "";
  if (!Array.isArray(value)) return false;
  return value.length > 0 && value.every((one) => typeof one === "string" && one !== "");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function requireSize(policy: PolicyDocument): PolicyDocument {
  const actualBytes = Buffer.byteLength(JSON.stringify(policy));
  const limitBytes = limits.POLICY_BYTES_MAX;
  if (actualBytes <= limitBytes) return policy;
  throw new PlatformError(
    { kind: "too_large", what: "policy", limitBytes, actualBytes },
    `The final policy size (${actualBytes}) is bigger than the limit (${limitBytes}).`,
  );
}

function parseJson(json: string): unknown {
  if (Buffer.byteLength(json) > 2 * limits.POLICY_BYTES_MAX) {
    // White space does not count, but what is worth reading has a bound.
    const actualBytes = Buffer.byteLength(json);
    throw new PlatformError(
      { kind: "too_large", what: "policy", limitBytes: limits.POLICY_BYTES_MAX, actualBytes },
      `The final policy size (${actualBytes}) is bigger than the limit (${limits.POLICY_BYTES_MAX}).`,
    );
  }
  try {
    return JSON.parse(json);
  } catch {
    throw invalidDocument("The policy is not valid JSON");
  }
}

function invalidDocument(problem: string): PlatformError {
  return new PlatformError(
    { kind: "invalid", field: "Policy" },
    `The provided policy document is invalid: ${problem}`,
  );
}

function defined(
  values: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

import type { Owner } from "../model/mod.ts";
import { matchesGlob } from "./glob.core.ts";
import { type Conditions, type Fit, fitOfConditions, valuesOf } from "./policy-condition.core.ts";

/**
 * Pure evaluation of resource-based policies.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */

export type StatementPrincipal = "*" | Readonly<Record<string, string | readonly string[]>>;

export interface PolicyStatement {
  readonly Sid?: string;
  readonly Effect: "Allow" | "Deny";
  readonly Principal: StatementPrincipal;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Conditions;
}

/** A policy as AWS writes it. */
export interface PolicyDocument {
  readonly Version: string;
  readonly Id?: string;
  readonly Statement: readonly PolicyStatement[];
}

/** Who asks. */
export type PolicyPrincipal =
  | { readonly kind: "account"; readonly owner: Owner; readonly arn: string }
  /** Such as `s3.amazonaws.com`. */
  | { readonly kind: "service"; readonly service: string }
  | { readonly kind: "anonymous" };

export interface PolicyRequest {
  readonly principal: PolicyPrincipal;
  /** Such as `lambda:InvokeFunction`. */
  readonly action: string;
  /** Values of condition keys, such as `aws:SourceArn`; names in any case. */
  readonly context?: Readonly<Record<string, string>>;
}

/** Allowed, refused by a statement, or nothing said. */
export type Verdict = "allowed" | "denied" | "silent";

/**
 * What a policy says of a request for `resource`. A Deny wins over every Allow. Where Hearth does
 * not know an operator or key, a statement that allows does not apply and one that denies does.
 */
export function verdictOf(
  policy: PolicyDocument,
  resource: string,
  request: PolicyRequest,
): Verdict {
  let verdict: Verdict = "silent";
  for (const statement of policy.Statement) {
    const fit = fitOf(statement, resource, request);
    if (statement.Effect === "Deny" && fit !== "no") return "denied";
    if (statement.Effect === "Allow" && fit === "yes") verdict = "allowed";
  }
  return verdict;
}

function fitOf(statement: PolicyStatement, resource: string, request: PolicyRequest): Fit {
  const { Principal, Action, Resource, Condition = {} } = statement;
  const action = request.action.toLowerCase();
  if (!isNamed(Principal, request.principal)) return "no";
  if (!valuesOf(Action).some((value) => matchesGlob(value.toLowerCase(), action))) return "no";
  if (!valuesOf(Resource).some((value) => matchesGlob(value, resource))) return "no";
  return fitOfConditions(Condition, contextOf(request));
}

function isNamed(named: StatementPrincipal, asking: PolicyPrincipal): boolean {
  if (named === "*") return true;
  if (asking.kind === "service") return valuesOf(named.Service).includes(asking.service);
  return valuesOf(named.AWS).some(
    (value) => value === "*" || (asking.kind === "account" && standsFor(value, asking)),
  );
}

const ACCOUNT_ROOT = /^arn:aws[a-z-]*:iam::(\d{12}):root$/;

/** An account, by number or root ARN, stands for everybody in it; other ARNs for one identity. */
function standsFor(
  named: string,
  { owner, arn }: { readonly owner: Owner; readonly arn: string },
): boolean {
  if (named === owner || ACCOUNT_ROOT.exec(named)?.[1] === owner) return true;
  return named === arn || named === identityArn(arn);
}

const ASSUMED_ROLE = /^arn:(aws[a-z-]*):sts::(\d{12}):assumed-role\/([^/]+)\/[^/]+$/;

/** The role of a session; any other ARN as it is. */
function identityArn(arn: string): string {
  const match = ASSUMED_ROLE.exec(arn);
  return match ? `arn:${match[1]}:iam::${match[2]}:role/${match[3]}` : arn;
}

function contextOf({ principal, context = {} }: PolicyRequest): Map<string, string> {
  const values = new Map(
    Object.entries(context).map(([key, value]) => [key.toLowerCase(), value] as const),
  );
  if (principal.kind !== "account") return values;
  values.set("aws:principalaccount", principal.owner);
  return values.set("aws:principalarn", identityArn(principal.arn));
}

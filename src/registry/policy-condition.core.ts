import { matchesArn, matchesGlob } from "./glob.core.ts";

/** Pure evaluation of the Condition element of policies. */

/** Operator -> condition key -> values, one of which must fit. */
export type Conditions = Readonly<
  Record<string, Readonly<Record<string, string | readonly string[]>>>
>;

/** Values of condition keys, their names in lower case; AWS ignores the case of names. */
export type ConditionContext = ReadonlyMap<string, string>;

/** Whether something holds; "unknown" when Hearth does not know how to tell. */
export type Fit = "yes" | "no" | "unknown";

type Operator = (wanted: string, given: string) => boolean | undefined;

/** The operators that policies of functions use. Others are kept but never fulfilled. */
const OPERATORS: Readonly<Record<string, Operator>> = {
  StringEquals: (wanted, given) => wanted === given,
  StringLike: matchesGlob,
  ArnEquals: matchesArn,
  ArnLike: matchesArn,
  Bool: (wanted, given) => wanted.toLowerCase() === given.toLowerCase(),
};

/** Keys of which Hearth can tell the value, or that a request has none. */
const KEYS: ReadonlySet<string> = new Set([
  "aws:principalaccount",
  "aws:principalarn",
  "aws:principalorgid",
  "aws:sourceaccount",
  "aws:sourcearn",
  "lambda:eventsourcetoken",
  "lambda:functionurlauthtype",
  "lambda:invokedviafunctionurl",
]);

/** All conditions must hold; a key without value in the request fulfils none. */
export function fitOfConditions(conditions: Conditions, context: ConditionContext): Fit {
  let fit: Fit = "yes";
  for (const [operator, keys] of Object.entries(conditions)) {
    for (const [key, values] of Object.entries(keys)) {
      const one = fitOfCondition(operator, key.toLowerCase(), valuesOf(values), context);
      if (one === "no") return "no";
      if (one === "unknown") fit = "unknown";
    }
  }
  return fit;
}

function fitOfCondition(
  operator: string,
  key: string,
  wanted: readonly string[],
  context: ConditionContext,
): Fit {
  const holds = Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined;
  if (holds === undefined || !KEYS.has(key)) return "unknown";
  const given = context.get(key);
  if (given === undefined) return "no";
  const results = wanted.map((value) => holds(value, given));
  if (results.includes(true)) return "yes";
  return results.includes(undefined) ? "unknown" : "no";
}

/** One value or several: policies write either. */
export function valuesOf(values: string | readonly string[] | undefined): readonly string[] {
  if (values === undefined) return [];
  return typeof values === "string" ? [values] : values;
}

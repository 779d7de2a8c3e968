import type { Static, TSchema } from "typebox";
import { Compile } from "typebox/compile";
import type { TLocalizedValidationError } from "typebox/error";
import { messageOf } from "../../base/mod.ts";
import { LambdaError, validationError } from "./errors.ts";

/** Request bodies checked against a schema, with AWS's words for what is wrong. */
export interface BodyParser<T> {
  /**
   * @throws LambdaError InvalidRequestContentException, SerializationException,
   *   ValidationException
   */
  parse(body: Buffer): T;
}

const ANCHORED_START = "^(?:";
const ANCHORED_END = ")$";

/** A pattern of AWS's model: the whole value must match. */
export function whole(pattern: string): string {
  return ANCHORED_START + pattern + ANCHORED_END;
}

/** A parser for JSON objects of this shape; members that are null count as absent, as on AWS. */
export function bodyParser<S extends TSchema>(schema: S): BodyParser<Static<S>> {
  const validator = Compile(schema);
  return {
    parse(body) {
      const value: unknown = parseJson(body.length === 0 ? "{}" : body.toString());
      if (validator.Check(value)) return value as Static<S>;
      throw refusal(value, validator.Errors(value));
    },
  };
}

/** One broken constraint as AWS words it. */
export function violation(value: unknown, path: string, constraint: string): string {
  const shown = value === undefined ? "null" : `'${textOf(value)}'`;
  return `Value ${shown} at '${path}' failed to satisfy constraint: ${constraint}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text, (_key, value) => (value === null ? undefined : value));
  } catch (error) {
    throw new LambdaError(
      400,
      "InvalidRequestContentException",
      `Could not parse request body into json: ${messageOf(error)}`,
    );
  }
}

function refusal(value: unknown, errors: readonly TLocalizedValidationError[]): LambdaError {
  for (const error of errors) {
    const wanted = mistypedFor(value, error);
    if (wanted === undefined) continue;
    const given = jsonTypeOf(valueAt(value, error.instancePath));
    return new LambdaError(
      400,
      "SerializationException",
      `${given} at '${pathOf(error.instancePath)}' can not be converted to ${wanted}`,
    );
  }
  return validationError(errors.flatMap((error) => violationsOf(value, error)));
}

/** The type that a value ought to have and has not; enumerations are of texts. */
function mistypedFor(root: unknown, error: TLocalizedValidationError): string | undefined {
  if (error.keyword === "type") return String(error.params.type);
  const isMistyped =
    error.keyword === "enum" && typeof valueAt(root, error.instancePath) !== "string";
  return isMistyped ? "string" : undefined;
}

function violationsOf(root: unknown, error: TLocalizedValidationError): string[] {
  if (error.keyword === "required") {
    return error.params.requiredProperties.map((property) =>
      violation(undefined, pathOf(`${error.instancePath}/${property}`), "Member must not be null"),
    );
  }
  const constraint = constraintOf(error);
  const member = /\/(items|patternProperties\/[^/]*)$/.exec(error.schemaPath);
  if (member) {
    const parent = error.instancePath.slice(0, error.instancePath.lastIndexOf("/"));
    const subject = member[1] === "items" ? "Member" : "Map value";
    const each = `${subject} must satisfy constraint: [${constraint}, Member must not be null]`;
    return [violation(valueAt(root, parent), pathOf(parent), each)];
  }
  const value = valueAt(root, error.instancePath);
  return [violation(value, pathOf(error.instancePath), constraint)];
}

function constraintOf(error: TLocalizedValidationError): string {
  switch (error.keyword) {
    case "minimum":
      return `Member must have value greater than or equal to ${error.params.limit}`;
    case "maximum":
      return `Member must have value less than or equal to ${error.params.limit}`;
    case "minLength":
    case "minItems":
      return `Member must have length greater than or equal to ${error.params.limit}`;
    case "maxLength":
    case "maxItems":
      return `Member must have length less than or equal to ${error.params.limit}`;
    case "pattern":
      return `Member must satisfy regular expression pattern: ${bare(String(error.params.pattern))}`;
    case "enum":
      return `Member must satisfy enum value set: [${error.params.allowedValues.join(", ")}]`;
    default:
      return `Member ${error.message}`;
  }
}

function bare(pattern: string): string {
  return pattern.startsWith(ANCHORED_START)
    ? pattern.slice(ANCHORED_START.length, -ANCHORED_END.length)
    : pattern;
}

/** `/Environment/Variables` -> `environment.variables` */
function pathOf(pointer: string): string {
  return segmentsOf(pointer)
    .map((segment) => segment.charAt(0).toLowerCase() + segment.slice(1))
    .join(".");
}

function valueAt(root: unknown, pointer: string): unknown {
  let value = root;
  for (const segment of segmentsOf(pointer)) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string, unknown>)[segment];
  }
  return value;
}

function segmentsOf(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(textOf).join(", ")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  const members = Object.entries(value).map(([key, member]) => `${key}=${textOf(member)}`);
  return `{${members.join(", ")}}`;
}

function jsonTypeOf(value: unknown): string {
  return `${(Array.isArray(value) ? "array" : typeof value).toUpperCase()}_VALUE`;
}

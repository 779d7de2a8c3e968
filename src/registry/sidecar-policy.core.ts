import { PlatformError } from "../base/mod.ts";
import {
  type FunctionPolicy,
  isLibrarySidecar,
  type LibrarySidecar,
  limits,
  SIDECAR_SCOPES,
  type SidecarScope,
  type SidecarWish,
} from "../model/mod.ts";

/** Pure rules of policies: what may be written in one, and what it says when little is written. */

/** Whether the owner has registered a sidecar of this name. */
export type OwnSidecars = (name: string) => boolean;

type Check = (value: unknown) => string | undefined;

const WISH_FIELDS: Readonly<Record<string, Check>> = {
  name: () => undefined,
  scope: oneOf(SIDECAR_SCOPES),
  required: isBoolean,
  sample: numberFrom(0, 1),
  when: oneOf(["always", "failure"]),
  idleSeconds: numberFrom(0, limits.SIDECAR_IDLE_SECONDS_MAX),
  options: (value) => (isObject(value) ? undefined : "must be an object"),
};

/** What the library's sidecars understand; docs/guides/sidecars.md says what it means. */
const OPTIONS: Readonly<Record<LibrarySidecar, Readonly<Record<string, Check>>>> = {
  logship: { url: isHttpUrl, headers: isHeaders, file: isFileName },
  tracer: { endpoint: isHttpUrl, headers: isHeaders, serviceName: isText },
  profiler: { intervalMicros: numberFrom(100, 1_000_000) },
  capture: { bodyBytes: numberFrom(0, 1024 * 1024), redact: isTexts },
  debugger: { waitSeconds: numberFrom(0, limits.TIMEOUT_SECONDS_MAX), breakOnStart: isBoolean },
};

/** The names that a sidecar may have. */
export const SIDECAR_NAME: RegExp = /^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$/;

/**
 * A policy as its owner wrote it, with what was left out filled in.
 * @throws PlatformError kind "invalid" naming the field
 */
export function parsePolicy(value: unknown, isOwn: OwnSidecars): FunctionPolicy {
  if (!isObject(value)) throw invalid("policy", "must be an object");
  for (const key of Object.keys(value)) {
    if (key !== "sidecars") throw invalid(key, 'is not a field of a policy; known is "sidecars"');
  }
  const { sidecars } = value;
  if (sidecars === undefined) return {};
  if (!Array.isArray(sidecars)) throw invalid("sidecars", "must be an array");
  if (sidecars.length > limits.SIDECARS_PER_CALL_MAX) {
    throw invalid("sidecars", `must have at most ${limits.SIDECARS_PER_CALL_MAX} items`);
  }
  const wishes = sidecars.map((wish, index) => parseWish(wish, `sidecars[${index}]`, isOwn));
  for (const [index, { name }] of wishes.entries()) {
    if (wishes.findIndex((other) => other.name === name) < index) {
      throw invalid(`sidecars[${index}].name`, `names ${name} a second time`);
    }
  }
  return { sidecars: wishes };
}

/** What is wished by a name alone. */
export function plainWish(name: string): SidecarWish {
  return {
    name,
    scope: "request",
    required: false,
    sample: 1,
    when: "always",
    idleSeconds: limits.SIDECAR_IDLE_SECONDS_DEFAULT,
    options: {},
  };
}

/** @throws PlatformError kind "invalid" unless the library or the owner has the sidecar */
export function requireSidecar(name: unknown, field: string, isOwn: OwnSidecars): string {
  if (typeof name === "string" && (isLibrarySidecar(name) || isOwn(name))) return name;
  const shown = typeof name === "string" ? name.slice(0, 64) : JSON.stringify(name);
  const known = Object.keys(OPTIONS).join(", ");
  throw invalid(field, `names an unknown sidecar: ${shown}; the library has ${known}`);
}

function parseWish(value: unknown, field: string, isOwn: OwnSidecars): SidecarWish {
  if (typeof value === "string") return plainWish(requireSidecar(value, field, isOwn));
  if (!isObject(value)) throw invalid(field, "must be a name or an object");
  const name = requireSidecar(value.name, `${field}.name`, isOwn);
  checkFields(value, WISH_FIELDS, field);
  const options = isObject(value.options) ? value.options : {};
  if (Buffer.byteLength(JSON.stringify(options)) > limits.SIDECAR_OPTIONS_BYTES_MAX) {
    throw invalid(`${field}.options`, `exceeds ${limits.SIDECAR_OPTIONS_BYTES_MAX} bytes`);
  }
  if (isLibrarySidecar(name)) checkFields(options, OPTIONS[name], `${field}.options`);
  const plain = plainWish(name);
  return {
    name,
    scope: (value.scope as SidecarScope | undefined) ?? plain.scope,
    required: (value.required as boolean | undefined) ?? plain.required,
    sample: (value.sample as number | undefined) ?? plain.sample,
    when: (value.when as SidecarWish["when"] | undefined) ?? plain.when,
    idleSeconds: (value.idleSeconds as number | undefined) ?? plain.idleSeconds,
    options,
  };
}

function checkFields(
  value: Readonly<Record<string, unknown>>,
  checks: Readonly<Record<string, Check>>,
  field: string,
): void {
  for (const [key, given] of Object.entries(value)) {
    const check = Object.hasOwn(checks, key) ? checks[key] : undefined;
    const at = `${field}.${key.slice(0, 64)}`;
    if (check === undefined) {
      throw invalid(at, `is not known; known are ${Object.keys(checks).join(", ")}`);
    }
    const problem = check(given);
    if (problem !== undefined) throw invalid(at, problem);
  }
}

function invalid(field: string, problem: string): PlatformError {
  return new PlatformError({ kind: "invalid", field }, `${field} ${problem}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isBoolean(value: unknown): string | undefined {
  return typeof value === "boolean" ? undefined : "must be true or false";
}

function isText(value: unknown): string | undefined {
  const fits = typeof value === "string" && value.length >= 1 && value.length <= 256;
  return fits ? undefined : "must be a string of 1 to 256 characters";
}

function isTexts(value: unknown): string | undefined {
  const fits = Array.isArray(value) && value.every((item) => isText(item) === undefined);
  return fits ? undefined : "must be an array of strings";
}

function isFileName(value: unknown): string | undefined {
  const fits = typeof value === "string" && SIDECAR_NAME.test(value);
  return fits ? undefined : `must match ${SIDECAR_NAME.source}`;
}

function isHttpUrl(value: unknown): string | undefined {
  const url = typeof value === "string" && value.length <= 2048 ? URL.parse(value) : null;
  const fits = url !== null && /^https?:$/.test(url.protocol) && url.username + url.password === "";
  return fits ? undefined : "must be an http or https URL without user name and password";
}

function isHeaders(value: unknown): string | undefined {
  const fits =
    isObject(value) &&
    Object.entries(value).every(
      ([name, text]) =>
        /^[\w!#$%&'*+.^`|~-]{1,128}$/.test(name) &&
        typeof text === "string" &&
        /^[\t\x20-\x7e]*$/.test(text),
    );
  return fits ? undefined : "must be an object of header names and values";
}

function oneOf(allowed: readonly string[]): Check {
  return (value) =>
    typeof value === "string" && allowed.includes(value)
      ? undefined
      : `must be one of ${allowed.join(", ")}`;
}

function numberFrom(least: number, most: number): Check {
  return (value) =>
    typeof value === "number" && value >= least && value <= most
      ? undefined
      : `must be a number from ${least} to ${most}`;
}

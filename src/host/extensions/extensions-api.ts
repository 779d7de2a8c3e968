import type { IncomingMessage, ServerResponse } from "node:http";
import type { SecureRandom } from "../../base/mod.ts";
import type { FunctionVersion } from "../../model/mod.ts";
import { readBody, sendError, sendJson, sendStatus } from "../runtime-api-http.ts";
import { Extension, type LifecycleEvent } from "./extension.ts";

/** Extensions of one environment, external and internal together. AWS: 10. */
export const EXTENSIONS_MAX = 10;
/** What an extension may send; ours: names of events, or an error with its stack. */
const BODY_BYTES_MAX = 256 * 1024;
/** It is in the log and in events; ours: the longest name of a file. */
const NAME_CHARACTERS_MAX = 255;
const ERROR_TYPE_HEADER = "Lambda-Extension-Function-Error-Type";
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export interface ExtensionsApiOptions {
  readonly version: FunctionVersion;
  readonly random: SecureRandom;
  /** After every change of an extension's state. */
  onChange(): void;
  /** An internal extension said that it cannot go on; an external one also ends. */
  onInternalFailed(state: "InitError" | "ExitError", reason: string): void;
}

/**
 * The Extensions API of one environment: who its extensions are, and their requests. Hostile input.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html; statuses, error
 * types and texts as aws-lambda-runtime-interface-emulator, internal/lambda/rapi/handler.
 */
export class ExtensionsApi {
  readonly #options: ExtensionsApiOptions;
  readonly #extensions = new Map<string, Extension>();
  #isOpen = true;

  constructor(options: ExtensionsApiOptions) {
    this.#options = options;
  }

  get extensions(): readonly Extension[] {
    return [...this.#extensions.values()];
  }

  /** An external extension that is being started. */
  expect(name: string): Extension {
    return this.#add(name, true);
  }

  /** Initialisation is over: nobody joins any more. */
  closeRegistration(): void {
    this.#isOpen = false;
  }

  async handle(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    switch (`${request.method} ${path}`) {
      case "POST extension/register":
        return await this.#register(request, response);
      case "GET extension/event/next":
        return this.#next(request, response);
      case "POST extension/init/error":
        return await this.#reportError("InitError", request, response);
      case "POST extension/exit/error":
        return await this.#reportError("ExitError", request, response);
      default:
        return sendError(response, 404, "NotFound", "Unknown path");
    }
  }

  /** Who sends a request; undefined when that cannot be told, which the sender then knows. */
  identify(request: IncomingMessage, response: ServerResponse): Extension | undefined {
    const id = request.headers["lambda-extension-identifier"];
    if (typeof id !== "string" || id === "") {
      const message = "Missing Lambda-Extension-Identifier header";
      sendError(response, 403, "Extension.MissingExtensionIdentifier", message);
      return undefined;
    }
    if (!UUID.test(id)) {
      const message = "Invalid Lambda-Extension-Identifier";
      sendError(response, 403, "Extension.InvalidExtensionIdentifier", message);
      return undefined;
    }
    const extension = this.#extensions.get(id.toLowerCase());
    if (extension === undefined) {
      sendError(response, 403, "Extension.UnknownExtensionIdentifier", `Unknown extension ${id}`);
    }
    return extension;
  }

  #add(name: string, isExternal: boolean): Extension {
    const id = this.#options.random.uuid();
    const extension = new Extension(name, id, isExternal, this.#options.onChange);
    this.#extensions.set(id, extension);
    return extension;
  }

  async #register(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const name = request.headers["lambda-extension-name"];
    if (typeof name !== "string" || name === "" || name.length > NAME_CHARACTERS_MAX) {
      const message = name ? "Extension name is too long" : "Empty extension name";
      return sendError(response, 403, "Extension.InvalidExtensionName", message);
    }
    const events = parseEvents(await readBody(request, BODY_BYTES_MAX));
    if (typeof events === "string") {
      return sendError(response, 403, "InvalidRequestFormat", events);
    }
    const known = this.extensions.find((each) => each.name === name);
    const isExternal = known?.isExternal ?? false;
    for (const event of events) {
      const refusal = eventRefusal(event, isExternal);
      if (refusal === undefined) continue;
      return sendError(response, 403, "Extension.InvalidEventType", `${event}: ${refusal}`);
    }
    const extension = this.#admit(name, known, response);
    if (extension === undefined) return;
    extension.register(events as readonly LifecycleEvent[]);
    const { owner, name: functionName, version, configuration } = this.#options.version;
    response.setHeader("Lambda-Extension-Identifier", extension.id);
    sendJson(response, 200, {
      functionName,
      functionVersion: version,
      handler: configuration.handler,
      ...(wantsAccountId(request) ? { accountId: owner } : {}),
    });
  }

  /** The extension that may register under this name; its sender knows when none may. */
  #admit(
    name: string,
    known: Extension | undefined,
    response: ServerResponse,
  ): Extension | undefined {
    if (known?.isExternal) {
      if (known.state === "Started") return known;
      const message = transitionMessage(known, "Registered", name);
      sendError(response, 403, "Extension.InvalidExtensionState", message);
    } else if (!this.#isOpen) {
      const message = "Extension registration closed already";
      sendError(response, 403, "Extension.RegistrationClosed", message);
    } else if (this.#extensions.size >= EXTENSIONS_MAX) {
      const message = `Extension limit (${EXTENSIONS_MAX}) reached`;
      sendError(response, 403, "Extension.TooManyExtensions", message);
    } else if (known !== undefined) {
      const message = "Extension with this name already registered";
      sendError(response, 403, "Extension.InvalidExtensionState", message);
    } else return this.#add(name, false);
    return undefined;
  }

  #next(request: IncomingMessage, response: ServerResponse): void {
    const extension = this.identify(request, response);
    if (extension === undefined || extension.next(response)) return;
    const message = transitionMessage(extension, "Ready", extension.id);
    sendError(response, 403, "Extension.InvalidExtensionState", message);
  }

  async #reportError(
    state: "InitError" | "ExitError",
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const extension = this.identify(request, response);
    if (extension === undefined) return;
    const errorType = request.headers[ERROR_TYPE_HEADER.toLowerCase()];
    if (typeof errorType !== "string" || errorType === "") {
      const message = `${ERROR_TYPE_HEADER} not found`;
      return sendError(response, 403, "Extension.MissingHeader", message);
    }
    const body = await readBody(request, BODY_BYTES_MAX);
    if (!mayReport(extension, state)) {
      const message = transitionMessage(extension, state, extension.id);
      return sendError(response, 403, "Extension.InvalidExtensionState", message);
    }
    extension.fail(state, errorType);
    sendStatus(response);
    if (!extension.isExternal) this.#options.onInternalFailed(state, errorMessageIn(body));
  }
}

/** An error of initialisation comes before the first event, any other after registration. */
function mayReport({ state }: Extension, wanted: "InitError" | "ExitError"): boolean {
  if (state === "Registered" || state === wanted) return true;
  return wanted === "ExitError" && (state === "Ready" || state === "Running");
}

function transitionMessage({ state }: Extension, wanted: string, name: string): string {
  return `State transition from ${state} to ${wanted} failed for extension ${name}. Error: State transition is not allowed`;
}

/** The events asked for, unchecked; a text when the body is not what it should be. */
function parseEvents(body: Buffer | undefined): readonly string[] | string {
  if (body === undefined) return "Request body is too large";
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch (error) {
    return error instanceof Error ? error.message : "Request body is not JSON";
  }
  if (typeof value !== "object" || value === null) return "Request body must be an object";
  const { events = [], configurationKeys } = value as Record<string, unknown>;
  if (Array.isArray(configurationKeys) && configurationKeys.length > 0) {
    return "configurationKeys are deprecated; use environment variables instead";
  }
  const isList = Array.isArray(events) && events.every((event) => typeof event === "string");
  return isList ? events : "events must be a list of strings";
}

function eventRefusal(event: string, isExternal: boolean): string | undefined {
  if (event === "INVOKE" || (event === "SHUTDOWN" && isExternal)) return undefined;
  return event === "SHUTDOWN"
    ? "ShutdownEventNotSupportedForInternalExtension"
    : "ErrorInvalidEventType";
}

function wantsAccountId(request: IncomingMessage): boolean {
  const features = request.headers["lambda-extension-accept-feature"];
  return typeof features === "string" && features.split(",").some((f) => f.trim() === "accountId");
}

function errorMessageIn(body: Buffer | undefined): string {
  try {
    const value: unknown = JSON.parse(body?.toString() ?? "");
    const message = (value as { errorMessage?: unknown } | null)?.errorMessage;
    return typeof message === "string" ? message : "Extension reported an error";
  } catch {
    return "Extension reported an error";
  }
}

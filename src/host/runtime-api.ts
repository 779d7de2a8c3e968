import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { assert, type Clock, type Deferred, deferred, PlatformError } from "../base/mod.ts";
import { limits, type Outcome } from "../model/mod.ts";
import type {
  InitialiseRequest,
  InitialiseResult,
  RuntimeCall,
  RuntimeChannel,
} from "./channel.ts";
import { Launcher } from "./launcher.ts";
import { type FailedOutcome, failedOutcome } from "./outcome.ts";
import { piecesOf, readBody, sendError, sendStatus } from "./runtime-api-http.ts";
import { EMPTY_EVENT, reportedFailure, responseTooLarge } from "./runtime-outcome.ts";
import type { SandboxApi } from "./sandbox-api.ts";
import { StreamedResponse } from "./streamed-response.ts";

const VERSION = "2018-06-01";
/** States of a runtime as AWS's messages name them. */
const RESPONSE = "InvocationResponse";
const ERROR = "InvocationErrorResponse";
/** What AWS accepts as an error type from a runtime. */
const ERROR_TYPE = /^(Runtime|Function)\.[A-Z][a-zA-Z]+$/;

export interface RuntimeApiOptions {
  /** The connection to guest/provided/launch.pl; absent where the runtime has started already. */
  readonly launcher?: Socket;
  /** Where the runtime asks; the function finds its address in AWS_LAMBDA_RUNTIME_API. */
  readonly api: SandboxApi;
  readonly clock: Clock;
  /** Settles when the sandbox has ended; what is pending then fails. */
  readonly exited: Promise<unknown>;
  readonly signal?: AbortSignal;
}

interface PendingCall {
  readonly call: RuntimeCall;
  handedOut: boolean;
  isStreaming: boolean;
  resolve(outcome: Outcome): void;
  reject(error: PlatformError): void;
}

/**
 * Prepares a custom runtime: resolves when its launcher waits for the environment.
 * @throws PlatformError kind "unavailable" when the launcher ends first
 */
export async function openRuntimeApi(options: RuntimeApiOptions): Promise<RuntimeApi> {
  const api = new RuntimeApi(options);
  const abort = (): void => api.close();
  options.signal?.addEventListener("abort", abort, { once: true });
  try {
    if (options.signal?.aborted) abort();
    await api.ready;
  } finally {
    options.signal?.removeEventListener("abort", abort);
  }
  return api;
}

/**
 * The HTTP Runtime API for one environment with a custom runtime. Initialisation ends with the
 * first request for an event; a call lives from the answer to that request until its response or
 * error is posted. Requests are hostile input.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html; status codes and error
 * bodies as aws-lambda-runtime-interface-emulator, internal/lambda/rapi.
 */
export class RuntimeApi implements RuntimeChannel {
  readonly #launcher: Launcher | undefined;
  readonly #address: string;
  readonly #clock: Clock;
  #initialising: Deferred<InitialiseResult> | undefined;
  #initialised = false;
  /** A request for the next event that waits for a call. */
  #waiting: ServerResponse | undefined;
  #pending: PendingCall | undefined;
  #failure: PlatformError | undefined;

  constructor(options: RuntimeApiOptions) {
    this.#clock = options.clock;
    this.#address = options.api.address;
    options.api.mount(VERSION, (path, request, response) => this.#handle(path, request, response));
    this.#launcher =
      options.launcher &&
      new Launcher(options.launcher, {
        onError: (payload) => this.#failInitialisation(reportedFailure(payload)),
        onBroken: (message) => this.#fail(message),
      });
    options.exited.then(
      () => this.#fail("Runtime ended"),
      () => this.#fail("Runtime ended"),
    );
  }

  /** Settles when the launcher is ready, or ended before. */
  get ready(): Promise<void> {
    return this.#launcher?.ready ?? Promise.resolve();
  }

  initialise(request: InitialiseRequest): Promise<InitialiseResult> {
    if (this.#failure) return Promise.reject(this.#failure);
    assert(!this.#initialised && !this.#initialising, "A runtime is initialised once");
    this.#initialising = deferred();
    const variables = { ...request.environment, AWS_LAMBDA_RUNTIME_API: this.#address };
    this.#launcher?.launch(variables);
    return this.#initialising.promise;
  }

  invoke(call: RuntimeCall): Promise<Outcome> {
    if (this.#failure) return Promise.reject(this.#failure);
    assert(!this.#pending, "A runtime runs one call at a time");
    assert(this.#initialised || this.#initialising, "A runtime is initialised before its calls");
    return new Promise((resolve, reject) => {
      this.#pending = { call, handedOut: false, isStreaming: false, resolve, reject };
      this.#handOut();
    });
  }

  get isOpen(): boolean {
    return this.#failure === undefined;
  }

  abandon(): void {
    this.close();
  }

  close(): void {
    this.#fail("Runtime API was closed");
  }

  async #handle(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [root, first, second, third] = path.split("/");
    const route = third === undefined ? `${first}/${second}` : `${first}/{id}/${third}`;
    const key = `${request.method} ${root}/${route}`;
    if (key === "GET runtime/invocation/next") return this.#next(response);
    if (key === "POST runtime/invocation/{id}/response") {
      return this.#respond(request, response, second ?? "");
    }
    if (key === "POST runtime/invocation/{id}/error") {
      return this.#respondError(request, response, second ?? "");
    }
    if (key === "POST runtime/init/error") return this.#initialiseError(request, response);
    return sendError(response, 404, "NotFound", "Unknown path");
  }

  #next(response: ServerResponse): void {
    if (this.#failure) return void response.destroy();
    if (this.#waiting || this.#pending?.handedOut) {
      sendInvalidState(response, this.#waiting ? "Ready" : "Running", "Ready");
      return;
    }
    if (this.#initialising) {
      this.#initialised = true;
      this.#initialising.resolve({ ok: true });
      this.#initialising = undefined;
    }
    this.#waiting = response;
    response.on("close", () => {
      if (this.#waiting === response) this.#waiting = undefined;
    });
    this.#handOut();
  }

  /** Answers a waiting request with a waiting call, when both are there. */
  #handOut(): void {
    const pending = this.#pending;
    const response = this.#waiting;
    if (!pending || !response) return;
    this.#waiting = undefined;
    pending.handedOut = true;
    const { call } = pending;
    const event = call.payload.length > 0 ? call.payload : EMPTY_EVENT;
    response.writeHead(200, {
      "Content-Type": "application/json",
      "Content-Length": event.length,
      "Lambda-Runtime-Aws-Request-Id": call.requestId,
      "Lambda-Runtime-Deadline-Ms": Math.ceil(this.#clock.now() + call.timeoutMs),
      "Lambda-Runtime-Invoked-Function-Arn": call.functionArn,
      "Lambda-Runtime-Trace-Id": call.traceId,
      ...(call.clientContext ? { "Lambda-Runtime-Client-Context": ascii(call.clientContext) } : {}),
      ...(call.cognitoIdentity
        ? { "Lambda-Runtime-Cognito-Identity": ascii(call.cognitoIdentity) }
        : {}),
    });
    response.end(event);
    call.onStarted?.();
  }

  async #respond(request: IncomingMessage, response: ServerResponse, id: string): Promise<void> {
    const pending = this.#expected(response, id, RESPONSE);
    if (pending === undefined) return;
    if (request.headers["lambda-runtime-function-response-mode"] === "streaming") {
      return this.#respondStreaming(pending, request, response);
    }
    const body = await readBody(request, limits.INVOKE_RESPONSE_BYTES_MAX);
    if (this.#expected(response, id, RESPONSE) === undefined) return;
    if (body) {
      this.#answer({ status: "succeeded", payload: body });
      return sendStatus(response);
    }
    this.#answer(responseTooLarge());
    const message = `Exceeded maximum allowed payload size (${limits.INVOKE_RESPONSE_BYTES_MAX} bytes).`;
    return sendError(response, 413, "RequestEntityTooLarge", message);
  }

  /** Hands the body on as it comes; trailers tell of an error in mid-stream. */
  async #respondStreaming(
    pending: PendingCall,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    pending.isStreaming = true;
    const stream = new StreamedResponse(pending.call.sink, request.headers["content-type"]);
    // Whoever leaves the loop early still answers the request.
    const chunks = piecesOf(request.iterator({ destroyOnReturn: false }));
    try {
      for await (const chunk of chunks) {
        // An error that was posted meanwhile has ended the call.
        if (this.#pending !== pending) break;
        await stream.write(chunk);
        if (!stream.fits) break;
      }
    } catch {
      // The runtime broke off: what it was saying has no end, and it may not know how to go on.
      const cut = failedOutcome("Runtime.TruncatedResponse", "Response stream was cut off");
      if (this.#pending === pending) this.#answer(cut);
      return;
    }
    if (this.#pending !== pending) return sendInvalidState(response, "Ready", RESPONSE);
    const failure = stream.fits ? trailerFailure(request) : undefined;
    this.#answer(failure ?? stream.end());
    if (stream.fits) return sendStatus(response);
    const message = `Exceeded maximum allowed payload size (${limits.STREAM_RESPONSE_BYTES_MAX} bytes).`;
    sendError(response, 413, "RequestEntityTooLarge", message);
  }

  async #respondError(
    request: IncomingMessage,
    response: ServerResponse,
    id: string,
  ): Promise<void> {
    if (this.#expected(response, id, ERROR) === undefined) return;
    const body = await readBody(request, limits.INVOKE_RESPONSE_BYTES_MAX);
    if (this.#expected(response, id, ERROR) === undefined) return;
    this.#answer(body ? reportedFailure(body, declaredErrorType(request)) : responseTooLarge());
    sendStatus(response);
  }

  async #initialiseError(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!this.#initialising) return sendInvalidState(response, "Ready", "InitError");
    const body = await readBody(request, limits.INVOKE_RESPONSE_BYTES_MAX);
    const outcome = body ? reportedFailure(body, declaredErrorType(request)) : responseTooLarge();
    sendStatus(response);
    this.#failInitialisation(outcome);
  }

  /**
   * The running call when it is `id`; says to the runtime what is wrong otherwise. A response that
   * is being streamed can be followed by an error, not by another response.
   */
  #expected(response: ServerResponse, id: string, state: string): PendingCall | undefined {
    const pending = this.#pending;
    if (!pending?.handedOut) sendInvalidState(response, "Ready", state);
    else if (pending.call.requestId !== id) {
      sendError(response, 400, "InvalidRequestID", "Invalid request ID");
    } else if (pending.isStreaming && state === RESPONSE) {
      sendInvalidState(response, RESPONSE, RESPONSE);
    } else return pending;
    return undefined;
  }

  #answer(outcome: Outcome): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.resolve(outcome);
  }

  #failInitialisation(outcome: Extract<Outcome, { status: "failed" }>): void {
    this.#initialising?.resolve({ ok: false, outcome });
    this.#initialising = undefined;
    this.#answer(outcome);
  }

  #fail(message: string): void {
    if (this.#failure) return;
    const error = new PlatformError({ kind: "unavailable", what: "runtime" }, message);
    this.#failure = error;
    this.#launcher?.close(error);
    this.#initialising?.reject(error);
    this.#initialising = undefined;
    this.#pending?.reject(error);
    this.#pending = undefined;
  }
}

function declaredErrorType(request: IncomingMessage): string | undefined {
  const declared = request.headers["lambda-runtime-function-error-type"];
  return typeof declared === "string" && ERROR_TYPE.test(declared) ? declared : undefined;
}

/** The error that a runtime tells in the trailers of a streamed response. */
function trailerFailure(request: IncomingMessage): FailedOutcome | undefined {
  const type = request.trailers["lambda-runtime-function-error-type"];
  if (type === undefined) return undefined;
  const body = request.trailers["lambda-runtime-function-error-body"] ?? "";
  return reportedFailure(Buffer.from(body, "base64"), type);
}

function sendInvalidState(response: ServerResponse, from: string, to: string): void {
  const message = `State transition from ${from} to ${to} failed for runtime. Error: State transition is not allowed`;
  sendError(response, 403, "InvalidStateTransition", message);
}

/** JSON as a header value: other characters are escaped, control characters become spaces. */
function ascii(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x20 ? " " : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

import type { ServerResponse } from "node:http";

/** What an extension may be told of. */
export type LifecycleEvent = "INVOKE" | "SHUTDOWN";

/** AWS's names; they are in platform.extension events and in messages. */
export type ExtensionState =
  | "Started"
  | "Registered"
  | "Ready"
  | "Running"
  | "InitError"
  | "ExitError"
  | "LaunchError"
  | "Exited";

/** An event as it is sent, the same to all. */
export interface SentEvent {
  readonly id: string;
  readonly body: Buffer;
}

/**
 * One extension and where it is in its life. Started -> Registered -> Ready <-> Running, and from
 * anywhere to an error or the end. Internal extensions begin as Registered.
 * Source: aws-lambda-runtime-interface-emulator, internal/lambda/core/externalagent_states.go
 */
export class Extension {
  readonly name: string;
  /** What it shows with every request. */
  readonly id: string;
  readonly isExternal: boolean;
  readonly #onChange: () => void;
  #state: ExtensionState;
  #events: readonly LifecycleEvent[] = [];
  /** A request for the next event that waits for one. */
  #waiting: ServerResponse | undefined;
  /** An event that waits for a request. */
  #unsent: SentEvent | undefined;
  errorType: string | undefined;

  /** @param onChange called after every change of state */
  constructor(name: string, id: string, isExternal: boolean, onChange: () => void) {
    this.name = name;
    this.id = id;
    this.isExternal = isExternal;
    this.#state = "Started";
    this.#onChange = onChange;
  }

  get state(): ExtensionState {
    return this.#state;
  }

  get events(): readonly LifecycleEvent[] {
    return this.#events;
  }

  register(events: readonly LifecycleEvent[]): void {
    this.#events = [...new Set(events)];
    this.#enter("Registered");
  }

  /** Asks for the next event; false when this is not the time for it. */
  next(response: ServerResponse): boolean {
    const mayAsk = this.#state === "Registered" || this.#state === "Running";
    // One that was cut off asks again.
    const asksAgain = this.#state === "Ready" && this.#waiting === undefined;
    if (!mayAsk && !asksAgain) return false;
    const event = this.#unsent;
    if (event !== undefined) {
      this.#unsent = undefined;
      this.#state = "Running";
      respond(response, event);
      return true;
    }
    this.#waiting = response;
    response.on("close", () => {
      if (this.#waiting === response) this.#waiting = undefined;
    });
    this.#enter("Ready");
    return true;
  }

  /** Sends an event now, or to the next request for one. */
  send(event: SentEvent): void {
    if (this.#state === "Ready") this.#state = "Running";
    const response = this.#waiting;
    this.#waiting = undefined;
    if (response === undefined) this.#unsent = event;
    else respond(response, event);
  }

  /** Its own word for what went wrong, or ours; the first one counts. */
  fail(state: "InitError" | "ExitError" | "LaunchError", errorType: string): void {
    this.errorType ??= errorType;
    this.#enter(state);
  }

  exited(): void {
    if (this.#state === "Registered" || this.#state === "Ready" || this.#state === "Running") {
      this.#enter("Exited");
    }
  }

  #enter(state: ExtensionState): void {
    this.#state = state;
    this.#onChange();
  }
}

function respond(response: ServerResponse, { id, body }: SentEvent): void {
  response.writeHead(200, {
    "Content-Type": "application/json",
    "Content-Length": body.length,
    "Lambda-Extension-Event-Identifier": id,
  });
  response.end(body);
}

import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Instance, RuntimeImage, Sandbox, SandboxLimits, SandboxSpec } from "../driver.ts";

/** Debian's Python, present on every host that runs the tests. */
const PYTHON = "/usr/bin/python3";
const DIRECTORY: string = fileURLToPath(new URL(".", import.meta.url));

export const GUEST_IMAGE: RuntimeImage = {
  id: "test-guest",
  argv: [PYTHON, "-I", "-S", "-B", "-u", "/var/guest/guest.py"],
  environment: { PATH: "/usr/bin:/bin" },
  mounts: [{ source: DIRECTORY.replace(/\/$/, ""), target: "/var/guest" }],
};

/** A sandbox that runs a piece of Python and nothing else. */
export function scriptImage(code: string): RuntimeImage {
  return { ...GUEST_IMAGE, argv: [PYTHON, "-I", "-S", "-B", "-u", "-c", code] };
}

export const GUEST_LIMITS: SandboxLimits = { memoryMiB: 128, cpuWeight: 1024, processes: 64 };

export interface GuestOptions {
  readonly image?: RuntimeImage;
  readonly limits?: SandboxLimits;
  readonly temporaryMiB?: number;
  readonly network?: boolean;
  readonly onOutput?: (chunk: Buffer) => void;
}

let lastId = 0;

export function guestSpec(options: GuestOptions = {}): SandboxSpec {
  return {
    id: `sandbox-${++lastId}`,
    image: options.image ?? GUEST_IMAGE,
    temporaryMiB: options.temporaryMiB ?? 8,
    limits: options.limits ?? GUEST_LIMITS,
    network: options.network ?? false,
    onOutput: options.onOutput ?? (() => {}),
  };
}

/** A sandbox with the test program in it, ready to be asked. */
export class Guest implements AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly #socket: Socket;
  readonly #answers: AsyncIterator<string>;

  private constructor(sandbox: Sandbox, socket: Socket) {
    this.sandbox = sandbox;
    this.#socket = socket.on("error", () => {});
    this.#answers = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  static async boot(instance: Instance, options: GuestOptions = {}): Promise<Guest> {
    let output = "";
    const spec = guestSpec({ onOutput: (chunk) => (output += chunk.toString()), ...options });
    const sandbox = await instance.boot(spec);
    try {
      return new Guest(sandbox, await sandbox.connect());
    } catch (error) {
      throw new Error(`Guest did not start: ${output}`, { cause: error });
    }
  }

  /** Runs `code` inside and returns what it left in the variable `result`. */
  async run(code: string): Promise<unknown> {
    this.send(code);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error("Guest has ended");
    const answer = JSON.parse(value) as { result?: unknown; error?: string };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.result;
  }

  /** Like `run` for code that should fail: the error's text, or "no error". */
  async attempt(code: string): Promise<string> {
    return this.run(code).then(
      (result) => `no error: ${JSON.stringify(result)}`,
      (error: Error) => error.message,
    );
  }

  /** For code after which the guest cannot answer. */
  send(code: string): void {
    this.#socket.write(`${JSON.stringify({ code })}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await this.sandbox.kill();
  }
}

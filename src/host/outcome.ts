import type { Outcome } from "../model/mod.ts";
import type { SandboxExit } from "../sandbox/mod.ts";

/**
 * Outcomes that the platform finds out for itself: the runtime could not say them any more.
 * Texts and types are AWS's own.
 */
export type FailedOutcome = Extract<Outcome, { status: "failed" }>;

export function failedOutcome(errorType: string, errorMessage: string): FailedOutcome {
  return {
    status: "failed",
    functionError: "Unhandled",
    payload: Buffer.from(JSON.stringify({ errorType, errorMessage }), "utf8"),
    errorType,
  };
}

export function timedOutOutcome(requestId: string, timeoutSeconds: number): FailedOutcome {
  const message = `RequestId: ${requestId} Error: Task timed out after ${timeoutSeconds.toFixed(2)} seconds`;
  return failedOutcome("Sandbox.Timedout", message);
}

/** What an ended process means for the call that was in it. */
export function exitOutcome(requestId: string, exit: SandboxExit): FailedOutcome {
  if (exit.outOfMemory) {
    return failedOutcome(
      "Runtime.OutOfMemory",
      `RequestId: ${requestId} Error: Runtime exited with error: signal: killed`,
    );
  }
  return failedOutcome("Runtime.ExitError", `RequestId: ${requestId} Error: ${exitText(exit)}`);
}

function exitText(exit: SandboxExit): string {
  if (exit.signal === null && exit.code === 0) return "Runtime exited without providing a reason";
  return `Runtime exited with error: ${exitWords(exit)}`;
}

/** `exit status 3` or `signal: killed`, as AWS's messages have it. */
export function exitWords({
  code,
  signal,
}: {
  code: number | null;
  signal: string | null;
}): string {
  if (signal !== null) return `signal: ${SIGNAL_WORDS[signal] ?? signal}`;
  return `exit status ${code}`;
}

/** How Go's os/exec, and so AWS's messages, name the signals that end runtimes. */
const SIGNAL_WORDS: Readonly<Record<string, string>> = {
  SIGABRT: "aborted",
  SIGALRM: "alarm clock",
  SIGBUS: "bus error",
  SIGFPE: "floating point exception",
  SIGHUP: "hangup",
  SIGILL: "illegal instruction",
  SIGINT: "interrupt",
  SIGKILL: "killed",
  SIGPIPE: "broken pipe",
  SIGQUIT: "quit",
  SIGSEGV: "segmentation fault",
  SIGTERM: "terminated",
  SIGTRAP: "trace/breakpoint trap",
  SIGSYS: "bad system call",
};

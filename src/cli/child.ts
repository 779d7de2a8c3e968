import { spawn } from "node:child_process";
import { exitCodeOf } from "./signals.ts";

/**
 * Runs another program of Hearth on the same Node, with our standard streams, and hands on the
 * signals that people and supervisors send. Resolves with its exit code.
 */
export function runChild(
  script: string,
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const child = spawn(process.execPath, [script, ...words], { stdio: "inherit", env: environment });
  const forward = (signal: NodeJS.Signals): void => {
    child.kill(signal);
  };
  const signals: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM"];
  for (const signal of signals) process.on(signal, forward);
  child.once("error", reject);
  child.once("exit", (code, signal) => {
    for (const name of signals) process.off(name, forward);
    resolve(code ?? (signal === null ? 1 : exitCodeOf(signal)));
  });
  return promise;
}

import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";

const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface CommandResult {
  readonly ok: boolean;
  readonly output: string;
}

/** A system program, run to its end with a clean environment; `input` goes to standard input. */
export function runCommand(
  program: string,
  argv: readonly string[],
  input = "",
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const options = { timeout: 30_000, env: { PATH: SYSTEM_PATH, LC_ALL: "C" } };
    const child = execFile(program, argv, options, (error, stdout, stderr) => {
      const output = `${stdout}${stderr}`.trim();
      resolve({ ok: error === null, output: output || (error?.message ?? "") });
    });
    child.stdin?.on("error", () => {}); // it may end without reading
    child.stdin?.end(input);
  });
}

/** Path of a system program, whatever PATH the server has. */
export function findProgram(name: string): string | undefined {
  return SYSTEM_PATH.split(":")
    .map((directory) => `${directory}/${name}`)
    .find(isExecutable);
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

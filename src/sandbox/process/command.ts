import { execFile } from "node:child_process";

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

/** Where system programs are, whatever PATH the server was started with. */
export const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TestCredentials, TestHearth } from "./hearth.ts";

/** The AWS CLI as the system's packages have it, unchanged, with a home directory of its own. */

const AWS = "/usr/bin/aws";
const run = promisify(execFile);

/** What a test's `skip` is to be. */
export const noCli: string | false = existsSync(AWS) ? false : `${AWS} is not installed`;

export interface CliResult {
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever the CLI printed
  readonly json: any;
  readonly text: string;
  readonly error: string;
}

export interface AwsCli extends AsyncDisposable {
  /** Runs a command to its end; `json` is what it printed, if that is JSON. */
  (...words: string[]): Promise<CliResult>;
  /** Starts a command that goes on; the caller ends it. */
  start(...words: string[]): ChildProcess;
}

export async function awsCli(
  hearth: TestHearth,
  credentials: TestCredentials = hearth.credentials,
): Promise<AwsCli> {
  const home = await mkdtemp(join(tmpdir(), "hearth-cli-"));
  const env = {
    PATH: "/usr/bin:/bin",
    HOME: home,
    LC_ALL: "C.UTF-8",
    PYTHONUNBUFFERED: "1",
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_DEFAULT_REGION: hearth.region,
    AWS_PAGER: "",
  };
  const all = (words: readonly string[]): string[] => [
    ...[...words, "--endpoint-url", hearth.url, "--output", "json"],
  ];
  const command = async (...words: string[]): Promise<CliResult> => {
    try {
      const { stdout } = await run(AWS, all(words), { env, cwd: home });
      return { json: parsed(stdout), text: stdout, error: "" };
    } catch (error) {
      const { stderr } = error as { stderr?: string };
      if (stderr === undefined) throw error;
      return { json: undefined, text: "", error: stderr.trim() };
    }
  };
  return Object.assign(command, {
    start: (...words: string[]) => spawn(AWS, all(words), { env, cwd: home, stdio: "pipe" }),
    [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }),
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

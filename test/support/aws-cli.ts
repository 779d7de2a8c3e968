import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import type { TestHearth } from "./hearth.ts";

/** The AWS CLI as Debian ships it, unchanged, against a live server. */

const AWS = "/usr/bin/aws";
const run = promisify(execFile);

/** Why tests of the CLI are skipped; false where it is installed. */
export const withoutAwsCli: string | false = existsSync(AWS) ? false : `${AWS} is not installed`;

export interface CliResult {
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever the CLI printed
  readonly json: any;
  readonly error: string;
}

/** Runs one command and gives back what it printed. */
export type AwsCli = (...words: string[]) => Promise<CliResult>;

/** @param home an empty directory, in which the commands run */
export function awsCli(hearth: TestHearth, home: string): AwsCli {
  const environment = {
    PATH: "/usr/bin:/bin",
    HOME: home,
    LC_ALL: "C.UTF-8",
    AWS_ACCESS_KEY_ID: hearth.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: hearth.credentials.secretAccessKey,
    AWS_DEFAULT_REGION: hearth.region,
    AWS_PAGER: "",
  };
  return async (...words) => {
    const options = ["--endpoint-url", hearth.url, "--output", "json"];
    try {
      const { stdout } = await run(AWS, [...words, ...options], { env: environment, cwd: home });
      return { json: stdout === "" ? undefined : JSON.parse(stdout), error: "" };
    } catch (error) {
      const { stderr } = error as { stderr?: string };
      if (stderr === undefined) throw error;
      return { json: undefined, error: stderr.trim() };
    }
  };
}

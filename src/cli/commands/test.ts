import { existsSync } from "node:fs";
import { runChild } from "../child.ts";
import { type Command, CommandError, textFlag } from "../command.ts";
import { installedFile } from "../installation.ts";
import {
  CLIENT_TEST_REQUIREMENTS,
  ensurePackages,
  missingPackages,
  sandboxRequirements,
  systemHost,
} from "../setup.ts";

/** `hearth test` */
export const testCommand: Command = {
  usage: "[--full] [--name PATTERN] [FILE-PART...]",
  flags: {
    full: { type: "boolean", help: "Also the long-running tests" },
    name: { type: "string", value: "PATTERN", help: "Only tests whose name matches" },
  },
  positionals: [0, 100],
  details: `
FILE-PART keeps the test files whose path contains it.

  hearth test src/cli tidy`,
  async run({ flags, positionals, environment, output }) {
    const runner = installedFile("tools/test.ts");
    if (!existsSync(runner)) {
      throw new CommandError("The tests are not part of the package", "Run them in a checkout.");
    }
    await ensurePackages(sandboxRequirements(), output);
    if (systemHost.isRoot) await ensurePackages(CLIENT_TEST_REQUIREMENTS, output);
    for (const name of await missingPackages(CLIENT_TEST_REQUIREMENTS, systemHost)) {
      output.warn(`${name} is not installed: the tests that need it are skipped`);
    }
    const pattern = textFlag(flags, "name");
    const words = [
      ...(flags.full === true ? ["--full"] : []),
      ...(pattern === undefined ? [] : ["--name", pattern]),
      ...positionals,
    ];
    return await runChild(runner, words, environment);
  },
};

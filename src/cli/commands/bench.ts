import { existsSync } from "node:fs";
import { runChild } from "../child.ts";
import { type Command, CommandError } from "../command.ts";
import { installedFile } from "../installation.ts";
import { ensurePackages, sandboxRequirements } from "../setup.ts";

/** `hearth bench` */
export const bench: Command = {
  usage: "[--smoke] [--no-peers] [--profile] [NAME...]",
  flags: {
    smoke: { type: "boolean", help: "Tiny sizes: shows that the benchmarks still run" },
    "no-peers": { type: "boolean", help: "Hearth and the floor alone" },
    profile: { type: "boolean", help: "Also writes CPU profiles of Hearth to bench/results" },
  },
  positionals: [0, 20],
  details: `
  hearth bench --smoke`,
  async run({ flags, positionals, environment, output }) {
    const runner = installedFile("bench/main.ts");
    if (!existsSync(runner)) {
      throw new CommandError("The benchmarks are not part of the package", "Use a checkout.");
    }
    await ensurePackages(sandboxRequirements(), output);
    const words = [
      ...["smoke", "no-peers", "profile"].filter((name) => flags[name]).map((name) => `--${name}`),
      ...(output.json ? ["--json"] : []),
      ...positionals,
    ];
    return await runChild(runner, words, environment);
  },
};

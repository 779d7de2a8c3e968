import { RUNTIME_NAMES, type RuntimeName } from "../../model/mod.ts";
import type { Command } from "../command.ts";
import { DATA_FLAG, dataDirectoryOf, runtimesDirectoryIn } from "../connection.ts";

/** `hearth runtime ls` */
export const runtimeList: Command = {
  usage: "[--data DIR]",
  flags: DATA_FLAG,
  positionals: [0, 0],
  details: `
  hearth runtime ls`,
  async run(input) {
    const { installedRuntimes } = await import("../../host/mod.ts");
    const installed = installedRuntimes(runtimesDirectoryIn(dataDirectoryOf(input)));
    const runtimes = RUNTIME_NAMES.map((name) => ({ name, installed: installed.includes(name) }));
    input.output.result(runtimes, () =>
      input.output.table(
        ["RUNTIME", "INSTALLED", "HOW TO GET IT"],
        runtimes.map((runtime) => [
          runtime.name,
          runtime.installed ? "yes" : "no",
          runtime.installed ? "" : howToGet(runtime.name),
        ]),
      ),
    );
    return 0;
  },
};

function howToGet(name: RuntimeName): string {
  if (name.startsWith("python")) return `apt-get install ${name}, where the system has it`;
  return name.startsWith("nodejs") ? `hearth runtime install ${name}` : "apt-get install perl-base";
}

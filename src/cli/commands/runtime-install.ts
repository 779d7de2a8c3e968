import { familyOf, RUNTIME_NAMES } from "../../model/mod.ts";
import type { Command } from "../command.ts";
import { DATA_FLAG, dataDirectoryOf, runtimesDirectoryIn } from "../connection.ts";
import { runtimeNamed } from "../detect.ts";

/** `hearth runtime install` */
export const runtimeInstall: Command = {
  usage: "NAME... [--data DIR]",
  flags: DATA_FLAG,
  positionals: [1, RUNTIME_NAMES.length],
  details: `
Node runtimes come from the npm registry, checked against pinned hashes.

  hearth runtime install nodejs22.x`,
  async run(input) {
    const { installRuntime } = await import("../../host/mod.ts");
    const names = input.positionals.flatMap((text) => runtimeNamed(text) ?? []);
    const directory = runtimesDirectoryIn(dataDirectoryOf(input));
    for (const name of names) {
      await installRuntime(name, { directory, onProgress: (line) => input.output.say(line) });
      const whose = familyOf(name) === "node" ? "ready" : "ready (the system's own)";
      input.output.say(`${name} is ${whose}`);
    }
    input.output.result({ installed: names }, () => "");
    return 0;
  },
};

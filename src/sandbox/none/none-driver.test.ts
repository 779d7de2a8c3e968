import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { after } from "node:test";
import { silentLog, systemClock } from "../../base/mod.ts";
import { sandboxSuite } from "../testsuite.ts";
import { openNoneDriver } from "./mod.ts";

const directory = await mkdtemp(`${tmpdir()}/hearth-none-`);
after(() => rm(directory, { recursive: true }));

sandboxSuite("none", async () => ({
  driver: await openNoneDriver({ directory, log: silentLog, clock: systemClock }),
  leftovers: async () => {
    const instances = await readdir(directory);
    const inside = await Promise.all(
      instances.map(async (name) =>
        (await readdir(`${directory}/${name}`)).map((sandbox) => `directory ${name}/${sandbox}`),
      ),
    );
    return [...instances, ...inside.flat()].sort();
  },
}));

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { after } from "node:test";
import { silentLog, systemClock } from "../../base/mod.ts";
import { sandboxSuite } from "../testsuite.ts";
import { leftoversOf } from "./leftovers.ts";
import { openProcessDriver } from "./mod.ts";

const data = await mkdtemp(`${tmpdir()}/hearth-process-`);
after(() => rm(data, { recursive: true }));
const directory = `${data}/instances`;

const user = process.geteuid?.() === 0 ? "root" : "an ordinary user";
sandboxSuite(`process, by ${user}`, async () => ({
  driver: await openProcessDriver({
    ...{ directory, dataId: data, log: silentLog, clock: systemClock },
    network: "auto",
  }),
  leftovers: () => leftoversOf(directory, data),
}));

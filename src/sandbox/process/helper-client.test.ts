import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { silentLog, systemClock } from "../../base/mod.ts";
import { Guest } from "../testing/guest.ts";
import { leftoversOf } from "./leftovers.ts";
import { openProcessDriver } from "./mod.ts";

/** Children of this process that run the helper. */
async function helperPids(): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const ours = await Promise.all(
    pids.map(async (pid) => {
      const status = await readFile(`/proc/${pid}/status`, "latin1").catch(() => "");
      const argv = await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "");
      return status.includes(`PPid:\t${process.pid}\n`) && argv.includes("helper/main.py");
    }),
  );
  return pids.filter((_, index) => ours[index]).map(Number);
}

test("HelperClient: when the helper is killed all sandboxes end, and new ones can be booted", async () => {
  const data = await mkdtemp(`${tmpdir()}/hearth-helper-`);
  const directory = `${data}/instances`;
  try {
    const driver = await openProcessDriver({
      ...{ directory, dataId: data, network: "off", log: silentLog, clock: systemClock },
    });
    const instance = await driver.createInstance({ id: "lost" });
    const guests = await Promise.all([Guest.boot(instance), Guest.boot(instance)]);
    if (driver.capabilities.freeze) guests[0].sandbox.freeze();
    const [pid] = await helperPids();
    assert.ok(pid !== undefined);
    process.kill(pid, "SIGKILL");
    for (const { sandbox } of guests) assert.equal((await sandbox.exited).signal, "SIGKILL");

    const next = await Guest.boot(instance);
    assert.equal(await next.run("result = 1"), 1);
    await driver[Symbol.asyncDispose]();
    assert.deepEqual(await leftoversOf(directory, data), []);
    assert.deepEqual(await helperPids(), []);
  } finally {
    await rm(data, { recursive: true });
  }
});

test("HelperClient: closing in the middle of boots leaves no helper behind", async () => {
  const data = await mkdtemp(`${tmpdir()}/hearth-helper-`);
  const mark = `HEARTH_TEST_MARK=${data}`;
  process.env.HEARTH_TEST_MARK = data;
  try {
    const driver = await openProcessDriver({
      ...{ directory: `${data}/instances`, dataId: data, network: "off" },
      ...{ log: silentLog, clock: systemClock },
    });
    delete process.env.HEARTH_TEST_MARK;
    const instance = await driver.createInstance({ id: "closing" });
    const unfinished = Array.from({ length: 6 }, async () => {
      const { sandbox } = await Guest.boot(instance);
      // Jobs of the helper in a namespace that is about to vanish.
      await Promise.all([1, 2, 3].map((port) => sandbox.listen(9000 + port)));
    });
    const ended = Promise.allSettled(unfinished);
    await new Promise((resolve) => setImmediate(resolve));
    await driver[Symbol.asyncDispose]();
    await ended;
    while ((await marked(mark)).length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  } finally {
    await rm(data, { recursive: true });
  }
});

/** Processes that were started with this variable. */
async function marked(variable: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const environments = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/environ`, "latin1").catch(() => "")),
  );
  return pids.filter((_, index) => environments[index]?.includes(variable));
}

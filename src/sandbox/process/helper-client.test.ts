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

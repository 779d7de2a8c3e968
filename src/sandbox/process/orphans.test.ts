import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { silentLog, systemClock } from "../../base/mod.ts";
import { Guest } from "../testing/guest.ts";
import { leftoversOf } from "./leftovers.ts";
import { openProcessDriver } from "./mod.ts";

/** Where the processes of a sandbox are counted; undefined where nothing counts them. */
async function groupOf(sandboxDirectory: string): Promise<string | undefined> {
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (!command.includes(sandboxDirectory)) continue;
    const groups = await readFile(`/proc/${pid}/cgroup`, "utf8").catch(() => "");
    const counting = /^\d+:pids:(.*)$/m.exec(groups)?.[1];
    if (counting?.includes("hearth-")) return `/sys/fs/cgroup/pids${counting}`;
    const unified = /^0::(.*)$/m.exec(groups)?.[1];
    if (unified?.includes("hearth-")) return `/sys/fs/cgroup${unified}`;
  }
  return undefined;
}

test("ISO-7: a process that bwrap did not take along ends with its sandbox", async (t) => {
  const data = await mkdtemp(`${tmpdir()}/hearth-orphans-`);
  const directory = `${data}/instances`;
  try {
    await using driver = await openProcessDriver({
      ...{ directory, dataId: data, network: "off", log: silentLog, clock: systemClock },
    });
    if (!driver.capabilities.processLimit) return t.skip("no cgroup holds sandboxes here");
    await using instance = await driver.createInstance({ id: "orphans" });
    await using guest = await Guest.boot(instance);
    const { sandbox } = guest;
    const group = await groupOf(sandbox.taskDirectory);
    assert.ok(group, "the sandbox is in a group of its own");
    // As if it had lost its parent before it could ask to die with it.
    const orphan = spawn("/usr/bin/sleep", ["1000"], { stdio: "ignore" });
    const ended = once(orphan, "exit");
    await writeFile(`${group}/cgroup.procs`, String(orphan.pid));
    await sandbox.kill();
    await ended;
    assert.deepEqual(
      (await leftoversOf(directory, data)).filter((each) => each.includes(sandbox.id)),
      [],
    );
  } finally {
    await rm(data, { recursive: true });
  }
});

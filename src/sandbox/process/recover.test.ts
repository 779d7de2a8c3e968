import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { silentLog, systemClock } from "../../base/mod.ts";
import { leftoversOf } from "./leftovers.ts";
import { openProcessDriver } from "./mod.ts";

const VICTIM = fileURLToPath(new URL("../../../test/support/sandbox-victim.ts", import.meta.url));

/** A server with three sandboxes; the first line it prints says that they run. */
async function startVictim(directory: string, dataId: string): Promise<ChildProcess> {
  const victim = spawn(process.execPath, [VICTIM, directory, dataId], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const { stdout } = victim;
  assert.ok(stdout);
  const [line] = await once(createInterface({ input: stdout }), "line");
  assert.equal(line, "running");
  return victim;
}

async function kill(victim: ChildProcess): Promise<void> {
  const exited = once(victim, "exit");
  victim.kill("SIGKILL");
  await exited;
}

async function eventually(condition: () => Promise<boolean>, what: string): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    if (await condition()) return;
    await systemClock.sleep(10);
  }
  assert.fail(`Still not: ${what}`);
}

test("recover: a killed server leaves nothing that runs, the next removes the rest", async () => {
  const data = await mkdtemp(`${tmpdir()}/hearth-recover-`);
  const directory = `${data}/instances`;
  try {
    const victim = await startVictim(directory, data);
    assert.ok((await leftoversOf(directory, data)).some((each) => each.startsWith("process")));
    await kill(victim);
    const running = /^(process|loop|mount|interface)/;
    await eventually(
      async () => !(await leftoversOf(directory, data)).some((each) => running.test(each)),
      "processes, mounts, loop devices and interfaces went with the server",
    );
    assert.notDeepEqual(await leftoversOf(directory, data), [], "directories stay until recovery");

    await using driver = await openProcessDriver({
      ...{ directory, dataId: data, network: "auto", log: silentLog, clock: systemClock },
    });
    const { removed } = await driver.recover();
    assert.ok(removed.length > 0);
    assert.deepEqual(await leftoversOf(directory, data), []);
    await using instance = await driver.createInstance({ id: "after" });
    assert.equal(instance.id, "after");
  } finally {
    await rm(data, { recursive: true });
  }
});

test("recover: finds nothing after an orderly end", async () => {
  const data = await mkdtemp(`${tmpdir()}/hearth-recover-`);
  const options = { directory: `${data}/instances`, dataId: data } as const;
  const services = { network: "off", log: silentLog, clock: systemClock } as const;
  try {
    const first = await openProcessDriver({ ...options, ...services });
    await first[Symbol.asyncDispose]();
    await using second = await openProcessDriver({ ...options, ...services });
    assert.deepEqual((await second.recover()).removed, []);
  } finally {
    await rm(data, { recursive: true });
  }
});

import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../base/mod.ts";
import type { RuntimeImage } from "../../sandbox/mod.ts";
import { type GuestProcess, startGuest } from "../testsuite-guest.ts";
import { supervisedImage } from "./supervised.ts";
import { Supervisor } from "./supervisor.ts";

const RUNTIME: RuntimeImage = {
  id: "test",
  argv: ["/bin/sh", "-c", "echo runtime $WHO; exec sleep 60"],
  environment: { PATH: "/usr/bin:/bin", WHO: "plain" },
  mounts: [],
};

async function start(t: TestContext): Promise<{ supervisor: Supervisor; guest: GuestProcess }> {
  const guest = await startGuest(t, supervisedImage(RUNTIME), { none: "" });
  const supervisor = await Supervisor.open(guest.socket, systemClock, AbortSignal.timeout(5000));
  t.after(() => supervisor.close());
  return { supervisor, guest };
}

async function program(t: TestContext, text: string): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), "hearth-extension-"));
  t.after(() => rm(directory, { recursive: true }));
  const file = path.join(directory, "program");
  await mkdir(directory, { recursive: true });
  await writeFile(file, text);
  await chmod(file, 0o755);
  return file;
}

/** Collects what a program prints, until it contains `text`. */
function collector(): { onOutput(chunk: Buffer): void; until(text: string): Promise<string> } {
  let printed = "";
  let check = (): void => {};
  return {
    onOutput(chunk) {
      printed += chunk.toString();
      check();
    },
    until: (text) =>
      new Promise((resolve) => {
        check = () => printed.includes(text) && resolve(printed);
        check();
      }),
  };
}

test("Supervisor: programs start when told, with their environment, and tell their end", async (t) => {
  const { supervisor } = await start(t);
  const file = await program(t, '#!/bin/sh\necho "$A-$PATH"; echo error >&2; exit 3\n');
  const { onOutput, until } = collector();
  const extension = supervisor.startExtension(file, { A: "1\nline=2", PATH: "/bin" }, onOutput);
  assert.deepEqual(await extension.exited, { code: 3, signal: null });
  assert.equal(await until("error"), "1\nline=2-/bin\nerror\n");
});

test("Supervisor: the runtime keeps its own output and outlives nobody's orders", async (t) => {
  const { supervisor, guest } = await start(t);
  const wrapper = await program(t, '#!/bin/sh\necho wrapped by "$WHO"\nexec "$@"\n');
  supervisor.startRuntime(wrapper, { PATH: "/usr/bin:/bin", WHO: "wrapper" });
  while (!guest.output().includes("runtime wrapper")) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.match(guest.output(), /wrapped by wrapper\nruntime wrapper/);
  supervisor.runtime.signal("SIGTERM");
  assert.deepEqual(await supervisor.runtime.exited, { code: null, signal: "SIGTERM" });
  const file = await program(t, "#!/bin/sh\necho alive\nsleep 60\n");
  const { onOutput, until } = collector();
  const extension = supervisor.startExtension(file, { PATH: "/usr/bin:/bin" }, onOutput);
  await until("alive");
  extension.signal("SIGKILL");
  assert.deepEqual(await extension.exited, { code: null, signal: "SIGKILL" });
  extension.signal("SIGKILL");
});

test("Supervisor: what cannot be executed is told by the kernel's error", async (t) => {
  const { supervisor } = await start(t);
  const file = await program(t, "#!/bin/sh\n");
  await chmod(file, 0o644);
  const denied = supervisor.startExtension(file, {}, () => {});
  assert.deepEqual(await denied.exited, { code: null, signal: null, errno: 13 });
  const missing = supervisor.startExtension(`${file}-not`, {}, () => {});
  assert.deepEqual(await missing.exited, { code: null, signal: null, errno: 2 });
});

test("Supervisor: a flood of output arrives whole while orders are taken", async (t) => {
  const { supervisor } = await start(t);
  const file = await program(t, "#!/bin/sh\nhead -c 3000000 /dev/zero\nexit 0\n");
  let bytes = 0;
  const flooding = supervisor.startExtension(file, { PATH: "/usr/bin:/bin" }, (chunk) => {
    bytes += chunk.length;
  });
  const other = await program(t, "#!/bin/sh\nexit 5\n");
  const quick = supervisor.startExtension(other, { PATH: "/usr/bin:/bin" }, () => {});
  assert.deepEqual(await quick.exited, { code: 5, signal: null });
  assert.deepEqual(await flooding.exited, { code: 0, signal: null });
  assert.equal(bytes, 3_000_000);
});

test("Supervisor: without its host everything under it ends", async (t) => {
  const { supervisor, guest } = await start(t);
  supervisor.startRuntime();
  while (!guest.output().includes("runtime plain")) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  supervisor.close();
  assert.deepEqual(await supervisor.runtime.exited, { code: null, signal: "SIGKILL" });
  assert.equal((await guest.exited).code, 0);
});

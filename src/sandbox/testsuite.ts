import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { isPlatformError } from "../base/mod.ts";
import type { Instance, SandboxDriver } from "./driver.ts";
import { GUEST_IMAGE, GUEST_LIMITS, Guest, guestSpec, scriptImage } from "./testing/guest.ts";

/** One opened driver and a way to see what it holds on the host. */
export interface DriverUnderTest {
  readonly driver: SandboxDriver;
  /** Everything of this driver's instances that exists on the host now, in words. */
  leftovers(): Promise<readonly string[]>;
}

const MIB = 1024 * 1024;

/** What every driver promises, each promise as far as its capabilities go. */
export function sandboxSuite(name: string, open: () => Promise<DriverUnderTest>): void {
  describe(`sandbox driver ${name}`, () => {
    let subject: DriverUnderTest;
    let instance: Instance;
    before(async () => {
      subject = await open();
      instance = await subject.driver.createInstance({ id: "suite" });
    });
    after(async () => {
      await instance?.[Symbol.asyncDispose]();
      await subject?.driver[Symbol.asyncDispose]();
    });
    const context: SuiteContext = {
      driver: () => subject.driver,
      instance: () => instance,
      leftovers: () => subject.leftovers(),
    };
    lifeTests(context);
    fileTests(context);
    outputTests(context);
    limitTests(context);
    freezeTests(context);
    releaseTests(context);
  });
}

interface SuiteContext {
  driver(): SandboxDriver;
  instance(): Instance;
  leftovers(): Promise<readonly string[]>;
}

function lifeTests({ instance }: SuiteContext): void {
  test("boot: starts a runtime that answers on its control socket", async () => {
    await using guest = await Guest.boot(instance());
    assert.equal(await guest.run("result = 6 * 7"), 42);
  });

  test("boot: many at once", async () => {
    const guests = await Promise.all(Array.from({ length: 6 }, () => Guest.boot(instance())));
    const answers = await Promise.all(guests.map((guest, n) => guest.run(`result = ${n}`)));
    assert.deepEqual(answers, [0, 1, 2, 3, 4, 5]);
    await Promise.all(guests.map((guest) => guest[Symbol.asyncDispose]()));
  });

  test("boot: gives the runtime the image's environment and nothing of the server's", async () => {
    const image = { ...GUEST_IMAGE, environment: { GREETING: "good day" } };
    await using guest = await Guest.boot(instance(), { image });
    const names = (await guest.run("result = list(os.environ)")) as string[];
    assert.equal(await guest.run("result = os.environ['GREETING']"), "good day");
    const ours = names.filter(
      (each) => !each.startsWith("HEARTH_") && !["PWD", "LC_CTYPE"].includes(each),
    );
    assert.deepEqual(ours, ["GREETING"]);
  });

  test("boot: refuses an id that is no name", async () => {
    const spec = { ...guestSpec(), id: "../up" };
    await assert.rejects(instance().boot(spec), (error) => isPlatformError(error, "invalid"));
  });

  test("exited: tells the code with which the runtime ended", async () => {
    const sandbox = await instance().boot(guestSpec({ image: scriptImage("raise SystemExit(7)") }));
    assert.deepEqual(await sandbox.exited, { code: 7, signal: null, outOfMemory: false });
  });

  test("exited: tells the signal that ended the runtime", async () => {
    const image = scriptImage("import os; os.kill(os.getpid(), 15)");
    const sandbox = await instance().boot(guestSpec({ image }));
    assert.deepEqual(await sandbox.exited, { code: null, signal: "SIGTERM", outOfMemory: false });
  });

  test("exited: a program that does not exist ends with a code", async () => {
    const image = { ...GUEST_IMAGE, argv: ["/no/such/program"] };
    const sandbox = await instance().boot(guestSpec({ image }));
    assert.notEqual((await sandbox.exited).code, 0);
  });

  test("kill: ends the runtime and may be called again", async () => {
    const guest = await Guest.boot(instance());
    const exit = await guest.sandbox.kill();
    assert.deepEqual(exit, { code: null, signal: "SIGKILL", outOfMemory: false });
    assert.equal(await guest.sandbox.kill(), exit);
  });

  test("kill: ends processes that the runtime left behind", async () => {
    await using guest = await Guest.boot(instance());
    await guest.run("import subprocess; subprocess.Popen(['sleep', '1000'])");
    await guest.sandbox.kill();
  });

  test("connect: rejects when the runtime ends without listening", async () => {
    const sandbox = await instance().boot(guestSpec({ image: scriptImage("input()") }));
    await assert.rejects(sandbox.connect(), (error) => isPlatformError(error, "unavailable"));
    await sandbox.exited;
  });

  test("connect: ends with its signal", async () => {
    const image = scriptImage("import time; time.sleep(1000)");
    const sandbox = await instance().boot(guestSpec({ image }));
    const controller = new AbortController();
    const connecting = sandbox.connect(controller.signal);
    controller.abort(new Error("Enough"));
    await assert.rejects(connecting, /Enough/);
    await sandbox.kill();
  });

  test("listen: serves connections that are made to the port inside", async () => {
    await using guest = await Guest.boot(instance());
    const server = await guest.sandbox.listen(9001);
    server.on("connection", (socket) => socket.end("from the host"));
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const code = `import socket; result = socket.create_connection(('127.0.0.1', ${port})).recv(99).decode()`;
    assert.equal(await guest.run(code), "from the host");
    server.close();
  });

  test("dial: reaches a program that listens inside, and says when none does", async () => {
    await using guest = await Guest.boot(instance());
    const port = await guest.run(
      "server = __import__('socket').create_server(('127.0.0.1', 0)); result = server.getsockname()[1]",
    );
    const socket = await guest.sandbox.dial(Number(port));
    socket.end("from the host");
    assert.equal(await guest.run("result = server.accept()[0].recv(99).decode()"), "from the host");
    await guest.run("server.close()");
    await assert.rejects(guest.sandbox.dial(Number(port)), (error) =>
      isPlatformError(error, "unavailable"),
    );
  });
}

function fileTests({ driver, instance }: SuiteContext): void {
  test("taskDirectory: what the host puts there is seen inside", async () => {
    await using guest = await Guest.boot(instance());
    await writeFile(`${guest.sandbox.taskDirectory}/note`, "task");
    await writeFile(`${guest.sandbox.optDirectory}/note`, "opt");
    const read = (variable: string, path: string): Promise<unknown> =>
      guest.run(`result = open(os.environ.get('${variable}', '${path}') + '/note').read()`);
    assert.equal(await read("HEARTH_TASK_ROOT", "/var/task"), "task");
    assert.equal(await read("HEARTH_OPT_ROOT", "/opt"), "opt");
    assert.equal(await guest.run("result = open('note').read()"), "task");
  });

  test("ISO-6: files: only /tmp and /run/hearth can be written", async (t) => {
    if (driver().capabilities.isolation === "none") return t.skip("Nothing is protected");
    await using guest = await Guest.boot(instance());
    const places = ["/", "/usr", "/etc", "/opt", "/var", "/var/task", "/dev", "/dev/shm", "/proc"];
    for (const place of places) {
      const told = await guest.attempt(`open('${place}/x', 'w')`);
      assert.match(told, /PermissionError|Read-only|FileNotFoundError/, place);
    }
    for (const place of ["/tmp", "/run/hearth"]) {
      assert.equal(await guest.run(`result = open('${place}/x', 'w').write('abc')`), 3, place);
    }
  });

  test("files: /tmp is as large as asked and belongs to one sandbox", async (t) => {
    if (driver().capabilities.temporaryStorage === "none") return t.skip("/tmp is the host's");
    await using guest = await Guest.boot(instance(), { temporaryMiB: 8 });
    const fill = (mib: number): Promise<string> =>
      guest.attempt(`open('/tmp/big', 'wb').write(b'x' * ${mib * MIB})`);
    assert.match(await fill(16), /No space left/);
    assert.match(await fill(4), /no error/);
    await using other = await Guest.boot(instance());
    assert.deepEqual(await other.run("result = os.listdir('/tmp')"), []);
  });

  test("user: has a name, no privilege, and is not the server's where users are distinct", async (t) => {
    if (driver().capabilities.isolation === "none") return t.skip("It is the server's user");
    await using guest = await Guest.boot(instance());
    const uid = await guest.run("result = os.getuid()");
    assert.notEqual(uid, 0);
    if (driver().capabilities.distinctUsers) assert.notEqual(uid, process.getuid?.());
    assert.equal(
      await guest.run("import pwd; result = pwd.getpwuid(os.getuid())[0]"),
      "sbx_user1051",
    );
    const status = String(await guest.run("result = open('/proc/self/status').read()"));
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
      assert.match(status, new RegExp(`^${set}:\\s0+$`, "m"), set);
    }
    assert.match(status, /^NoNewPrivs:\s1$/m);
    assert.match(status, /^Seccomp:\s2$/m);
  });
}

function outputTests({ instance }: SuiteContext): void {
  test("onOutput: standard output and error come in order, all before exited", async () => {
    let text = "";
    const image = scriptImage(
      "import sys\nfor n in range(500):\n  print(n, file=(sys.stdout, sys.stderr)[n % 2], flush=True)",
    );
    const onOutput = (chunk: Buffer): void => {
      text += chunk.toString();
    };
    const sandbox = await instance().boot(guestSpec({ image, onOutput }));
    await sandbox.exited;
    assert.equal(text, Array.from({ length: 500 }, (_, n) => `${n}\n`).join(""));
  });

  test("onOutput: a flood arrives whole and is not kept", async () => {
    const sizeMiB = 64;
    const image = scriptImage(
      `import os\nfor n in range(${sizeMiB}):\n  left = ${MIB}\n  while left: left -= os.write(1, bytes([n]) * left)`,
    );
    const seen = createHash("sha256");
    let bytes = 0;
    const before = heldBytes();
    const onOutput = (chunk: Buffer): void => {
      bytes += chunk.length;
      seen.update(chunk);
    };
    const sandbox = await instance().boot(guestSpec({ image, onOutput }));
    await sandbox.exited;
    const grownMiB = (heldBytes() - before) / MIB;
    const wanted = createHash("sha256");
    for (let n = 0; n < sizeMiB; n++) wanted.update(Buffer.alloc(MIB, n));
    assert.equal(bytes, sizeMiB * MIB);
    assert.equal(seen.digest("hex"), wanted.digest("hex"));
    assert.ok(grownMiB < sizeMiB / 2, `Server holds ${grownMiB} MiB more than before`);
  });

  test("onOutput: attack: fill the pipe to the last byte, then say nothing", async () => {
    // Who reads on after a whole buffer waits for more, and with it the server.
    const image = scriptImage(
      `import os, time\nfor n in range(${PIPES_FILLED}):\n  os.write(1, bytes(${PIPE_BYTES}))\ntime.sleep(1)`,
    );
    let bytes = 0;
    const onOutput = (chunk: Buffer): void => {
      bytes += chunk.length;
    };
    const sandbox = await instance().boot(guestSpec({ image, onOutput }));
    let turnedAt = performance.now();
    let longestMs = 0;
    const ticking = setInterval(() => {
      longestMs = Math.max(longestMs, performance.now() - turnedAt);
      turnedAt = performance.now();
    }, 5);
    await sandbox.exited;
    clearInterval(ticking);
    assert.equal(bytes, PIPES_FILLED * PIPE_BYTES);
    assert.ok(longestMs < 800, `the server stood still for ${longestMs} ms`);
  });
}

/** What a pipe holds on Linux, and how often it is filled. */
const PIPE_BYTES = 65_536;
const PIPES_FILLED = 200;

/** Memory of buffers that something still refers to. */
function heldBytes(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return process.memoryUsage().arrayBuffers;
}

function limitTests({ driver, instance }: SuiteContext): void {
  test("usage: counts memory and processor time", async () => {
    await using guest = await Guest.boot(instance());
    const before = guest.sandbox.usage();
    await guest.run(`kept = b'x' * ${32 * MIB}; sum(range(1000000))`);
    const during = guest.sandbox.usage();
    assert.ok(during.memoryBytes > before.memoryBytes + 30 * MIB, "memory was counted");
    assert.ok(during.cpuMs > before.cpuMs, "processor time was counted");
    await guest.run("del kept");
    assert.ok(guest.sandbox.usage().memoryPeakBytes >= during.memoryBytes - MIB, "peak stays");
    await guest.sandbox.kill();
    assert.ok(guest.sandbox.usage().memoryPeakBytes >= during.memoryBytes - MIB, "peak survives");
  });

  test("limits: memory beyond the limit ends the runtime and says why", async (t) => {
    if (!driver().capabilities.memoryLimit) return t.skip("Memory cannot be limited here");
    const limits = { ...GUEST_LIMITS, memoryMiB: 64 };
    await using guest = await Guest.boot(instance(), { limits });
    guest.send(`kept = b'x' * ${96 * MIB}`);
    const { outOfMemory } = await guest.sandbox.exited;
    assert.equal(outOfMemory, true);
  });

  test("limits: can be raised and lowered while running", async (t) => {
    if (!driver().capabilities.memoryLimit) return t.skip("Memory cannot be limited here");
    await using guest = await Guest.boot(instance(), {
      limits: { ...GUEST_LIMITS, memoryMiB: 64 },
    });
    guest.sandbox.limit({ ...GUEST_LIMITS, memoryMiB: 192 });
    await guest.run(`kept = b'x' * ${96 * MIB}`);
    await guest.run("del kept");
    guest.sandbox.limit({ ...GUEST_LIMITS, memoryMiB: 64 });
    guest.send(`kept = b'x' * ${96 * MIB}`);
    assert.equal((await guest.sandbox.exited).outOfMemory, true);
  });

  test("limits: the instance's memory budget holds for its sandboxes together", async (t) => {
    if (!driver().capabilities.memoryLimit) return t.skip("Memory cannot be limited here");
    await using small = await driver().createInstance({ id: "small" });
    small.limit(96);
    await using first = await Guest.boot(small);
    await using second = await Guest.boot(small);
    await first.run(`kept = b'x' * ${48 * MIB}`);
    second.send(`kept = b'x' * ${64 * MIB}`);
    const exit = await Promise.race([first.sandbox.exited, second.sandbox.exited]);
    assert.equal(exit.outOfMemory, true);
  });

  test("limits: processes beyond the limit cannot be started", async (t) => {
    if (!driver().capabilities.processLimit) return t.skip("Processes cannot be limited here");
    const limits = { ...GUEST_LIMITS, processes: 16 };
    await using guest = await Guest.boot(instance(), { limits });
    const code =
      "import subprocess, time\nkept = []\nfor n in range(40): kept.append(subprocess.Popen(['/usr/bin/sleep', '99']))";
    assert.match(await guest.attempt(code), /BlockingIOError/);
    const count = Number(await guest.run("result = len(kept)"));
    assert.ok(count > 0 && count < 16, `${count} processes were started`);
  });
}

/** Spins on the host for a while, so that a running sandbox would have used processor time. */
function spinMs(milliseconds: number): void {
  const start = process.cpuUsage();
  while (process.cpuUsage(start).user + process.cpuUsage(start).system < milliseconds * 1000);
}

function freezeTests({ driver, instance }: SuiteContext): void {
  const spin =
    "import threading\nthreading.Thread(target=lambda: [0 for _ in iter(int, 1)], daemon=True).start()";

  test("freeze: stops everything until thaw", async (t) => {
    if (!driver().capabilities.freeze) return t.skip("Sandboxes cannot be frozen here");
    await using guest = await Guest.boot(instance());
    await guest.run(spin);
    guest.sandbox.freeze();
    guest.sandbox.freeze();
    spinMs(10); // the kernel stops each process at its next chance
    const frozen = guest.sandbox.usage().cpuMs;
    spinMs(40);
    assert.ok(guest.sandbox.usage().cpuMs - frozen < 5, "no processor time while frozen");
    guest.sandbox.thaw();
    assert.equal(await guest.run("result = 'awake'"), "awake");
  });

  test("freeze: a frozen sandbox can be killed", async (t) => {
    if (!driver().capabilities.freeze) return t.skip("Sandboxes cannot be frozen here");
    const guest = await Guest.boot(instance());
    guest.sandbox.freeze();
    assert.equal((await guest.sandbox.kill()).signal, "SIGKILL");
  });

  test("freeze: refused where the host cannot", async (t) => {
    if (driver().capabilities.freeze) return t.skip("This host can");
    await using guest = await Guest.boot(instance());
    assert.throws(
      () => guest.sandbox.freeze(),
      (error) => isPlatformError(error, "unsupported"),
    );
  });
}

function releaseTests({ driver, leftovers }: SuiteContext): void {
  test("ISO-7: release: nothing is left when a sandbox has ended", async () => {
    await using instance = await driver().createInstance({ id: "released" });
    await using guest = await Guest.boot(instance);
    const during = await leftovers();
    await guest.sandbox.kill();
    const gone = during.filter((each) => each.includes(guest.sandbox.id));
    assert.ok(gone.length > 0, "the sandbox was seen on the host");
    for (const each of await leftovers()) assert.ok(!each.includes(guest.sandbox.id), each);
    await assert.rejects(readdir(guest.sandbox.taskDirectory), { code: "ENOENT" });
  });

  test("ISO-7: release: a disposed instance ends its sandboxes and leaves nothing", async () => {
    const before = await leftovers();
    const instance = await driver().createInstance({ id: "disposed" });
    const guests = await Promise.all([Guest.boot(instance), Guest.boot(instance)]);
    await instance[Symbol.asyncDispose]();
    for (const guest of guests) assert.equal((await guest.sandbox.exited).signal, "SIGKILL");
    assert.deepEqual(await leftovers(), before);
  });
}

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { after, before, describe, test } from "node:test";
import { silentLog, systemClock } from "../../src/base/mod.ts";
import type { Instance, SandboxDriver } from "../../src/sandbox/mod.ts";
import { openNoneDriver } from "../../src/sandbox/none/mod.ts";
import { openProcessDriver } from "../../src/sandbox/process/mod.ts";
import { GUEST_LIMITS, Guest } from "../../src/sandbox/testing/guest.ts";

/**
 * What hostile code tries from inside. Each attack is first shown to work where nothing guards
 * (driver "none"), then to fail in the process driver.
 */
const MIB = 1024 * 1024;

const data = mkdtempSync(`${tmpdir()}/hearth-security-`);
let open: SandboxDriver;
let closed: SandboxDriver;
let unguarded: Guest;
let guarded: Guest;
let openInstance: Instance;
let closedInstance: Instance;

before(async () => {
  const services = { log: silentLog, clock: systemClock };
  open = await openNoneDriver({ directory: `${data}/none`, ...services });
  closed = await openProcessDriver({
    ...{ directory: `${data}/instances`, dataId: data, network: "off", ...services },
  });
  openInstance = await open.createInstance({ id: "attacker" });
  closedInstance = await closed.createInstance({ id: "attacker" });
  unguarded = await Guest.boot(openInstance);
  guarded = await Guest.boot(closedInstance);
});

after(async () => {
  await open?.[Symbol.asyncDispose]();
  await closed?.[Symbol.asyncDispose]();
  rmSync(data, { recursive: true });
});

/** The attack works without the guard, then fails with an error that matches. */
async function attack(code: string, refusal: RegExp): Promise<void> {
  assert.match(await unguarded.attempt(code), /^no error/, "works without the guard");
  assert.match(await guarded.attempt(code), refusal);
}

/** A system call by number, as an error when it fails. */
function systemCall(numbers: { x64: number; arm64: number }, ...values: number[]): string {
  const number = process.arch === "arm64" ? numbers.arm64 : numbers.x64;
  return `
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
pid = os.fork()
if pid == 0:
  failed = libc.syscall(${[number, ...values].join(", ")}) < 0
  os._exit(ctypes.get_errno() if failed else 0)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
if code: raise OSError(code, os.strerror(code))`;
}

describe("files", () => {
  test("ISO-1: attack: read the server's data", async () => {
    writeFileSync(`${data}/secret`, "key");
    await attack(`result = open('${data}/secret').read()`, /FileNotFoundError/);
  });

  test("ISO-1: attack: read another sandbox's code and temporary files", async () => {
    await using victim = await Guest.boot(closedInstance);
    await using openVictim = await Guest.boot(openInstance);
    writeFileSync(`${victim.sandbox.taskDirectory}/code`, "code");
    await attack(`open('${victim.sandbox.taskDirectory}/code').read()`, /FileNotFoundError/);
    await victim.run("open('/tmp/mine', 'w').write('x')");
    await openVictim.run(`open('${data}/mine', 'w').write('x')`);
    assert.match(await unguarded.attempt(`open('${data}/mine')`), /^no error/);
    assert.match(await guarded.attempt("open('/tmp/mine')"), /FileNotFoundError/);
  });

  test("ISO-1: attack: read the host's accounts and configuration", async () => {
    const names = (await guarded.run("result = os.listdir('/etc')")) as string[];
    for (const name of ["shadow", "ssh", "sudoers"]) assert.ok(!names.includes(name), name);
    await attack("os.listdir('/home')", /FileNotFoundError/);
    await attack("os.listdir('/root')", /FileNotFoundError/);
    await attack("os.listdir('/sys')", /FileNotFoundError/);
  });

  test("ISO-6: attack: change the function's code", async () => {
    const path = (guest: Guest): string =>
      guest === guarded ? "/var/task/new" : `${guest.sandbox.taskDirectory}/new`;
    assert.match(await unguarded.attempt(`open('${path(unguarded)}', 'w')`), /^no error/);
    assert.match(await guarded.attempt(`open('${path(guarded)}', 'w')`), /Read-only|Permission/);
  });

  test("ISO-1: attack: step out through another process's root", async () => {
    const code = (pid: number): string => `result = os.listdir('/proc/${pid}/root${data}')`;
    assert.match(await unguarded.attempt(code(process.pid)), /^no error/);
    for (const pid of [process.pid, 1, 2]) {
      assert.match(await guarded.attempt(code(pid)), /PermissionError|FileNotFoundError/);
    }
  });

  test("ISO-1: attack: find descriptors that the server left open", async () => {
    // A sibling of the same user booted later: what leaked here would open the host's tree to it.
    await using later = await Guest.boot(closedInstance);
    const listing = (await later.run(
      "result = [os.readlink('/proc/self/fd/' + n) for n in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + n)]",
    )) as string[];
    const foreign = listing.filter(
      (each) => !/^(pipe|socket|\/dev\/null|\/null|\/proc)/.test(each),
    );
    assert.deepEqual(foreign, []);
  });
});

describe("processes", () => {
  test("ISO-3: attack: see the server and other processes", async () => {
    const code = `open('/proc/${process.pid}/cmdline').read()`;
    await attack(code, /FileNotFoundError/);
    const pids = (await guarded.run(
      "result = [n for n in os.listdir('/proc') if n.isdigit()]",
    )) as string[];
    assert.ok(pids.length <= 4, `Sees ${pids}`);
  });

  test("ISO-3: attack: kill a process of the host", async () => {
    const victim = spawn("/usr/bin/sleep", ["1000"]);
    const exited = once(victim, "exit");
    assert.match(await guarded.attempt(`os.kill(${victim.pid}, 9)`), /ProcessLookupError/);
    assert.equal(victim.exitCode, null);
    assert.match(await unguarded.attempt(`os.kill(${victim.pid}, 9)`), /^no error/);
    await exited;
  });

  test("ISO-4: attack: fork without end", async () => {
    const processes = 24;
    const code = (count: number): string =>
      `import subprocess\nkept = [subprocess.Popen(['/usr/bin/sleep', '99']) for n in range(${count})]`;
    const limits = { ...GUEST_LIMITS, processes };
    await using free = await Guest.boot(openInstance);
    assert.match(await free.attempt(code(processes * 2)), /^no error/);
    await using bomber = await Guest.boot(closedInstance, { limits });
    assert.match(await bomber.attempt(code(processes * 2)), /Resource temporarily unavailable/);
    await using bomb = await Guest.boot(closedInstance, { limits });
    bomb.send("while True:\n  try: os.fork()\n  except OSError: pass");
    assert.equal(await guarded.run("result = 'others go on'"), "others go on");
    await bomb.sandbox.kill();
  });

  test("ISO-4: attack: use all memory", async (t) => {
    if (!closed.capabilities.memoryLimit) return t.skip("Memory cannot be limited here");
    const code = `kept = b'x' * ${96 * MIB}`;
    await using free = await Guest.boot(openInstance);
    assert.match(await free.attempt(code), /^no error/);
    await using hog = await Guest.boot(closedInstance, {
      limits: { ...GUEST_LIMITS, memoryMiB: 64 },
    });
    hog.send(code);
    assert.equal((await hog.sandbox.exited).outOfMemory, true);
    assert.equal(await guarded.run("result = 'others go on'"), "others go on");
  });

  test("ISO-4: attack: use all file descriptors", async () => {
    const code = "kept = []\nfor n in range(2000): kept.append(os.open('/dev/null', 0))";
    await using free = await Guest.boot(openInstance);
    assert.match(await free.attempt(code), /^no error/);
    await using hog = await Guest.boot(closedInstance);
    assert.match(await hog.attempt(code), /Too many open files/);
  });
});

describe("disk", () => {
  /** Writes up to `mib` into each place that takes it; the result is what each took, in MiB. */
  const fill = (places: readonly string[], mib: number): string => `
result = {}
for place in ${JSON.stringify(places)}:
  try:
    with open(place + '/fill', 'wb', buffering=0) as file:
      result[place] = 0
      for n in range(${mib}):
        if file.write(b'x' * ${MIB}) < ${MIB}: break
        result[place] += 1
  except OSError: pass`;

  test("ISO-4: attack: fill the disk through every path that can be written", async () => {
    const free = (await unguarded.run(fill([data], 24))) as Record<string, number>;
    assert.equal(free[data], 24);
    await using filler = await Guest.boot(closedInstance, { temporaryMiB: 8 });
    const writable = (await filler.run(`
result = []
for path, directories, _ in os.walk('/'):
  if os.access(path, os.W_OK): result.append(path)
  directories[:] = [each for each in directories if path + each not in ('/proc', '/usr')]`)) as string[];
    assert.deepEqual(writable.sort(), ["/run/hearth", "/tmp"]);
    const taken = (await filler.run(fill(writable, 24))) as Record<string, number>;
    assert.ok((taken["/tmp"] ?? 0) >= 4 && (taken["/tmp"] ?? 99) <= 8, JSON.stringify(taken));
    assert.ok((taken["/run/hearth"] ?? 99) <= 1, JSON.stringify(taken));
  });

  test("ISO-4: attack: use all inodes", async () => {
    const code = (place: string): string =>
      `os.makedirs('${place}/many', exist_ok=True)\nfor n in range(20000): os.close(os.open('${place}/many/%d' % n, 65))`;
    mkdirSync(`${data}/inodes`);
    assert.match(await unguarded.attempt(code(`${data}/inodes`)), /^no error/);
    await using filler = await Guest.boot(closedInstance, { temporaryMiB: 8 });
    assert.match(await filler.attempt(code("/tmp")), /No space left/);
    assert.match(await filler.attempt(code("/run/hearth")), /No space left/);
  });
});

describe("kernel", () => {
  const refusal = /Operation not permitted|Function not implemented/;
  const isRoot = process.geteuid?.() === 0;

  test("ISO-5: attack: make namespaces", async () => {
    const newUser = 0x10000000;
    await attack(systemCall({ x64: 272, arm64: 97 }, newUser), refusal);
  });

  test("ISO-5: attack: mount", async (t) => {
    if (!isRoot) return t.skip("Only root could mount without the guard");
    const numbers = { x64: 165, arm64: 40 };
    mkdirSync(`${data}/mounted`);
    const number = process.arch === "arm64" ? numbers.arm64 : numbers.x64;
    const code = (place: string): string => `
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(${number}, b'none', b'${place}', b'tmpfs', 0, 0) < 0: raise OSError(ctypes.get_errno(), 'mount')
libc.umount2(b'${place}', 2)`;
    assert.match(await unguarded.attempt(code(`${data}/mounted`)), /^no error/);
    assert.match(await guarded.attempt(code("/tmp")), /PermissionError/);
  });

  test("ISO-5: attack: trace processes", async () => {
    const traceMe = 0;
    await attack(systemCall({ x64: 101, arm64: 117 }, traceMe, 0, 0, 0), refusal);
  });

  test("ISO-5: attack: io_uring, which passes by the filter of system calls", async (t) => {
    const code = `
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
ring = libc.syscall(425, 8, ctypes.create_string_buffer(120))
if ring < 0: raise OSError(ctypes.get_errno(), 'io_uring_setup')
os.close(ring)`;
    assert.match(await guarded.attempt(code), /PermissionError/);
    const free = await unguarded.attempt(code);
    if (!free.startsWith("no error")) t.skip(`This kernel refuses io_uring to all: ${free}`);
  });

  test("ISO-5: attack: type into a terminal", async (t) => {
    if (!isRoot) return t.skip("Only root could do it to any terminal without the guard");
    const code = "import fcntl, pty; fcntl.ioctl(pty.openpty()[1], 0x5412, b'x')";
    await attack(code, refusal);
  });

  test("ISO-5: attack: raw and packet sockets", async (t) => {
    if (!isRoot) return t.skip("Only root could open them without the guard");
    const raw = "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close()";
    await attack(raw, /Operation not permitted/);
    const packet = "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()";
    await attack(packet, /Address family not supported/);
  });

  test("ISO-5: attack: gain privileges by a set-user-id program", async () => {
    const status = String(await guarded.run("result = open('/proc/self/status').read()"));
    assert.match(status, /^NoNewPrivs:\s1$/m);
    const mounts = String(await guarded.run("result = open('/proc/self/mounts').read()"));
    const options = mounts
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split(" ")[3] ?? "");
    for (const each of options) assert.match(each, /(^|,)nosuid(,|$)/);
  });
});

describe("network of the host", () => {
  const connect = (host: string, port: number): string =>
    `import socket; result = socket.create_connection(('${host}', ${port}), timeout=1).recv(9).decode()`;

  test("ISO-2: attack: reach services on the host's loopback", async () => {
    const server = createServer((socket) => socket.end("host")).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    await attack(connect("127.0.0.1", port), /ConnectionRefused/);
    server.close();
  });

  test("ISO-2: attack: reach services on an abstract socket of the host", async () => {
    const name = `hearth-test-${process.pid}`;
    const server = createServer((socket) => socket.end("host")).listen(`\0${name}`);
    await once(server, "listening");
    const code = `import socket; s = socket.socket(socket.AF_UNIX); s.connect('\\0${name}'); result = s.recv(9).decode()`;
    await attack(code, /ConnectionRefused/);
    server.close();
  });

  test("ISO-2: attack: reach the host by its own address from a sandbox without network", async (t) => {
    const local = Object.values(networkInterfaces())
      .flat()
      .find((each) => each?.family === "IPv4" && !each.internal)?.address;
    if (!local) return t.skip("The host has no address but loopback");
    const server = createServer((socket) => socket.end("host")).listen(0, local);
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    await attack(connect(local, port), /Network is unreachable/);
    server.close();
  });
});

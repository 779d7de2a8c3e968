import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { silentLog, systemClock } from "../../src/base/mod.ts";
import type { SandboxDriver } from "../../src/sandbox/mod.ts";
import { openProcessDriver } from "../../src/sandbox/process/mod.ts";
import { hostId, tableName } from "../../src/sandbox/process/names.ts";
import { Guest } from "../../src/sandbox/testing/guest.ts";

/**
 * What sandboxes with a network reach: a "remote host" in a network namespace of the test's own,
 * and nothing that is the host's, link-local or another sandbox's. Without the guard means here:
 * with the server's nft table deleted.
 */
const data = mkdtempSync(`${tmpdir()}/hearth-network-`);
const dataId = data;
const name = `ht${process.pid}`;
// TEST-NET-3 and an unused link-local address; each test process takes its own pair.
const pair = (process.pid % 60) * 4;
const HOST_END = `203.0.113.${pair + 1}`;
const REMOTE = `203.0.113.${pair + 2}`;
const LINK_LOCAL = `169.254.77.${(process.pid % 250) + 1}`;
const PORT = 7000;

const canWire = process.geteuid?.() === 0;

let driver: SandboxDriver | undefined;
let remote: ChildProcess | undefined;
let onHost: Server | undefined;

function ip(...argv: string[]): void {
  execFileSync("ip", argv, { stdio: ["ignore", "ignore", "inherit"] });
}

/** A host beyond this one, which answers every connection with the address it came from. */
async function startRemote(): Promise<ChildProcess> {
  ip("netns", "add", name);
  ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name);
  ip("addr", "add", `${HOST_END}/30`, "dev", name);
  ip("link", "set", name, "up");
  ip("-n", name, "link", "set", "eth0", "up");
  ip("-n", name, "link", "set", "lo", "up");
  ip("-n", name, "addr", "add", `${REMOTE}/30`, "dev", "eth0");
  ip("-n", name, "addr", "add", `${LINK_LOCAL}/32`, "dev", "lo");
  ip("-n", name, "route", "add", "default", "via", HOST_END);
  ip("route", "add", `${LINK_LOCAL}/32`, "via", REMOTE);
  const code = `
import socket
server = socket.create_server(('0.0.0.0', ${PORT}))
print('ready', flush=True)
while True:
  connection, address = server.accept()
  connection.sendall(address[0].encode())
  connection.close()`;
  const child = spawn("ip", ["netns", "exec", name, "/usr/bin/python3", "-I", "-S", "-c", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const { stdout } = child;
  assert.ok(stdout);
  await once(createInterface({ input: stdout }), "line");
  return child;
}

async function openDriver(): Promise<SandboxDriver> {
  return openProcessDriver({
    ...{ directory: `${data}/instances`, dataId, network: "auto" },
    ...{ log: silentLog, clock: systemClock },
  });
}

const call = (host: string, port: number): string =>
  `import socket; result = socket.create_connection(('${host}', ${port}), timeout=0.4).recv(64).decode()`;

describe("network of sandboxes", { skip: !canWire && "Only root can wire sandboxes" }, () => {
  before(async () => {
    driver = await openDriver();
    remote = await startRemote();
    onHost = createServer((socket) => socket.end("host")).listen(0, HOST_END);
    await once(onHost, "listening");
  });

  after(async () => {
    await driver?.[Symbol.asyncDispose]();
    onHost?.close();
    remote?.kill("SIGKILL");
    execFileSync("ip", ["link", "delete", name], { stdio: "ignore" });
    execFileSync("ip", ["netns", "delete", name], { stdio: "ignore" });
    rmSync(data, { recursive: true });
  });

  test("a sandbox reaches a remote host, which sees the host's address", async (t) => {
    assert.ok(driver);
    if (!driver.capabilities.outboundNetwork) return t.skip("This host cannot wire sandboxes");
    await using instance = await driver.createInstance({ id: "outside" });
    await using guest = await Guest.boot(instance, { network: true });
    assert.equal(await guest.run(call(REMOTE, PORT)), HOST_END);
    await using without = await Guest.boot(instance, { network: false });
    assert.match(await without.attempt(call(REMOTE, PORT)), /Network is unreachable/);
  });

  test("ISO-2: attack: reach the host, link-local services, other sandboxes", async (t) => {
    assert.ok(driver && onHost);
    if (!driver.capabilities.outboundNetwork) return t.skip("This host cannot wire sandboxes");
    const bound = onHost.address();
    const hostPort = typeof bound === "object" && bound ? bound.port : 0;
    await using instance = await driver.createInstance({ id: "attacker" });
    await using guest = await Guest.boot(instance, { network: true });
    await using victim = await Guest.boot(instance, { network: true });
    const victimAddress = await victim.run(`
import socket, threading
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
probe.connect(('${REMOTE}', 9))
server = socket.create_server(('0.0.0.0', ${PORT}))
def serve():
  while True: server.accept()[0].sendall(b'victim')
threading.Thread(target=serve, daemon=True).start()
result = probe.getsockname()[0]`);
    const targets = [
      call(HOST_END, hostPort),
      call(LINK_LOCAL, PORT),
      call(String(victimAddress), PORT),
    ];
    for (const target of targets) {
      assert.match(await guest.attempt(target), /TimeoutError|timed out|refused/, target);
    }
    execFileSync("nft", ["delete", "table", "inet", tableName(hostId(dataId))]);
    for (const target of targets) {
      assert.match(await guest.attempt(target), /^no error/, "works without the guard");
    }
  });

  test("attack: listen for outside connections", async (t) => {
    assert.ok(driver);
    if (!driver.capabilities.outboundNetwork) return t.skip("This host cannot wire sandboxes");
    assert.equal(await knock(driver), true, "works without the guard, deleted above");
    await driver[Symbol.asyncDispose]();
    driver = await openDriver(); // with its table again
    assert.equal(await knock(driver), false);
  });
});

/** Whether a server in a sandbox can be reached from the remote host. */
async function knock(driver: SandboxDriver): Promise<boolean> {
  await using instance = await driver.createInstance({ id: "listener" });
  await using guest = await Guest.boot(instance, { network: true });
  const address = await guest.run(`
import socket
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
probe.connect(('${REMOTE}', 9))
server = socket.create_server(('0.0.0.0', ${PORT}))
result = probe.getsockname()[0]`);
  const code = `import socket; socket.create_connection(('${address}', ${PORT}), timeout=0.4)`;
  const caller = ["netns", "exec", name, "/usr/bin/python3", "-I", "-S", "-c", code];
  const [exit] = await once(spawn("ip", caller, { stdio: "ignore" }), "exit");
  return exit === 0;
}

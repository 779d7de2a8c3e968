import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { deferred, systemClock } from "../../base/mod.ts";
import { ScriptedSandbox } from "../testing.ts";
import { type Delivery, type Destination, openDelivery } from "./delivery.ts";

/** A sandbox whose connections come when the test lets them. */
class SlowSandbox extends ScriptedSandbox {
  readonly gate = deferred<Socket>();
  override dial(): Promise<never> {
    return this.gate.promise as Promise<never>;
  }
}

async function closedWhileDialling(t: TestContext, destination: Destination): Promise<void> {
  const server = createServer((socket) => socket.resume()).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const sandbox = new SlowSandbox("s");
  const delivery: Delivery = openDelivery(destination, sandbox, systemClock);
  const sending = delivery.send(["{}"]);
  sending.catch(() => {});
  delivery.close();
  const socket = connect(port, "127.0.0.1");
  t.after(() => socket.destroy());
  await once(socket, "connect");
  sandbox.gate.resolve(socket);
  await assert.rejects(sending);
  assert.equal(socket.destroyed, true);
}

test("Delivery: a connection that is made after its subscription has ended is closed", async (t) => {
  await closedWhileDialling(t, { protocol: "TCP", port: 1 });
  await closedWhileDialling(t, { protocol: "HTTP", port: 1, path: "/", method: "POST" });
});

import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { encodeFrame } from "../../base/mod.ts";
import { limits } from "../../model/mod.ts";
import { callFrame, jsonPart, PiecedMessage, SIDECAR_FRAME } from "./protocol.ts";
import { type CallPort, SidecarChannel } from "./sidecar-channel.ts";

/** A channel of the host's and the sidecar's end of its connection. */
async function pair(): Promise<{ readonly channel: SidecarChannel; readonly sidecar: Socket }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const sidecar = connect((server.address() as AddressInfo).port, "127.0.0.1");
  sidecar.on("error", () => {});
  const [socket] = await once(server, "connection");
  server.close();
  const channel = new SidecarChannel(socket as Socket);
  sidecar.write(encodeFrame(SIDECAR_FRAME.ready));
  await channel.ready;
  sidecar.write(encodeFrame(SIDECAR_FRAME.loaded));
  await channel.load({ own: true });
  return { channel, sidecar };
}

function portWith(more: Partial<CallPort>): CallPort {
  const nothing = (): void => {};
  const later = (): Promise<void> => Promise.resolve();
  return {
    ...{ onAttached: nothing, onRefused: nothing, onArtefact: later, onDeliver: nothing },
    ...{ onAppend: later, onWarn: nothing, onFlushed: nothing, onToFunction: nothing },
    ...{ onToUser: nothing, onLost: nothing, ...more },
  };
}

function deliverFrame(header: unknown): Buffer {
  const text = jsonPart(header);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return callFrame(SIDECAR_FRAME.deliver, 1, length, text);
}

test("SidecarChannel: a sidecar that reads no answers is not read any further", async () => {
  const { channel, sidecar } = await pair();
  sidecar.pause();
  const error = "x".repeat(10_000);
  let deliveries = 0;
  let backlogBytes = 0;
  channel.attach(
    {},
    portWith({
      onDeliver(_part, answer) {
        deliveries++;
        answer({ error });
        backlogBytes = Math.max(backlogBytes, channel.backlogBytes);
      },
    }),
  );
  const frame = deliverFrame({ delivery: 1, pad: "y".repeat(10_000) });
  const storm = Array.from({ length: 5000 }, () => frame);
  sidecar.write(Buffer.concat(storm));
  while (!channel.isCongested) await new Promise((resolve) => setImmediate(resolve));
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(backlogBytes < 2 * limits.SIDECAR_QUEUE_BYTES_MAX, `${backlogBytes} bytes wait`);
  sidecar.resume();
  while (deliveries < storm.length) await new Promise((resolve) => setImmediate(resolve));
  channel.close("done");
  await channel.closed;
});

test("SidecarChannel: a delivery without a number breaks the protocol; a lost one takes no call", async () => {
  const { channel, sidecar } = await pair();
  const lost: string[] = [];
  channel.attach({}, portWith({ onLost: (reason) => lost.push(reason) }));
  sidecar.write(deliverFrame({ delivery: "d".repeat(100), url: "http://example.com/" }));
  await channel.closed;
  channel.attach({}, portWith({ onLost: (reason) => lost.push(reason) }));
  assert.deepEqual(lost, [
    "Sidecar broke the protocol: a delivery without a number",
    "it has ended",
  ]);
});

test("PiecedMessage: small and empty pieces cost little; what is too long is left out", () => {
  const message = new PiecedMessage(1000);
  const more = Buffer.from([1, 120]);
  const last = Buffer.from([0, 121]);
  for (let i = 0; i < 1_000_000; i++) assert.equal(message.add(more), undefined);
  assert.equal(message.add(last), undefined);
  for (let i = 0; i < 1_000_000; i++) message.add(Buffer.from([1]));
  message.add(more);
  assert.equal(message.add(last)?.toString(), "xy");
  assert.equal(message.add(Buffer.alloc(0))?.length, 0);
});

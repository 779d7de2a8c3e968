import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { deferred, encodeFrame, FrameReader } from "../base/mod.ts";
import { limits, type Outcome } from "../model/mod.ts";
import { FRAME, FRAME_BYTES_MAX, openFrameChannel } from "./frame-channel.ts";
import type { ByteSink } from "./streamed-response.ts";
import { initialiseRequest, runtimeCall } from "./testsuite-guest.ts";

/** Guests that stream, most of them as the protocol forbids. */

const REQUEST = initialiseRequest({ id: "", argv: [], environment: {}, mounts: [] });
const BEGIN = encodeFrame(FRAME.streamBegin, Buffer.from("text/plain"));
const END = encodeFrame(FRAME.streamEnd);
const chunkOf = (bytes: Buffer | string): Buffer =>
  encodeFrame(FRAME.streamChunk, Buffer.from(bytes));

interface Streaming {
  readonly guest: Socket;
  readonly outcome: Promise<Outcome>;
  /** What the guest was given credit for, frame by frame. */
  readonly credits: number[];
}

/** A channel whose guest is in a call. */
async function streaming(t: TestContext, sink?: ByteSink): Promise<Streaming> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection");
  const host = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [guest] = (await accepted) as [Socket];
  guest.on("error", () => {});
  t.after(() => {
    for (const each of [host, guest]) each.destroy();
    server.close();
  });
  const credits: number[] = [];
  const reader = new FrameReader(FRAME_BYTES_MAX);
  guest.on("data", (bytes: Buffer) =>
    reader.push(bytes, ({ type, payload }) => {
      if (type === FRAME.credit) credits.push(payload.readUInt32BE());
    }),
  );
  guest.write(encodeFrame(FRAME.ready, Buffer.from("{}")));
  const channel = await openFrameChannel(host, { onLog() {} });
  const initialised = channel.initialise(REQUEST);
  guest.write(encodeFrame(FRAME.initialised));
  await initialised;
  const outcome = channel.invoke({ ...runtimeCall({}), ...(sink === undefined ? {} : { sink }) });
  outcome.catch(() => {});
  return { guest, outcome, credits };
}

function sinkOf(write: ByteSink["write"]): ByteSink {
  return { begin() {}, write };
}

const HOSTILE: Readonly<Record<string, Buffer>> = {
  "a second STREAM_BEGIN": Buffer.concat([BEGIN, BEGIN]),
  "STREAM_CHUNK without STREAM_BEGIN": chunkOf("x"),
  "STREAM_END without STREAM_BEGIN": END,
  "more than the window": Buffer.concat([
    BEGIN,
    chunkOf(Buffer.alloc(limits.STREAM_WINDOW_BYTES)),
    chunkOf("x"),
  ]),
  "one chunk larger than the window": Buffer.concat([
    BEGIN,
    chunkOf(Buffer.alloc(limits.STREAM_WINDOW_BYTES + 1)),
  ]),
};

for (const [kind, bytes] of Object.entries(HOSTILE)) {
  test(`FrameChannel: ${kind} from the guest ends the channel and the call`, async (t) => {
    const never = deferred<void>();
    const { guest, outcome } = await streaming(
      t,
      sinkOf(() => never.promise),
    );
    guest.write(bytes);
    await assert.rejects(outcome, { kind: "unavailable" });
  });
}

test("FrameChannel: a stream after the answer ends the channel, not the answer", async (t) => {
  const { guest, outcome } = await streaming(t);
  const closed = once(guest, "close");
  guest.write(Buffer.concat([encodeFrame(FRAME.response, Buffer.from("1")), BEGIN]));
  assert.equal((await outcome).status, "succeeded");
  await closed;
});

test("FrameChannel: credit for tiny chunks comes in portions, for empty ones never", async (t) => {
  const { guest, outcome, credits } = await streaming(t);
  const bytes = limits.STREAM_WINDOW_BYTES;
  const empty = Buffer.concat(Array<Buffer>(1000).fill(chunkOf("")));
  const tiny = Buffer.concat(Array<Buffer>(1024).fill(chunkOf("x")));
  guest.write(Buffer.concat([BEGIN, empty]));
  for (let sent = 0; sent < bytes; sent += 1024) guest.write(tiny);
  guest.write(END);
  const { status, payload } = await outcome;
  assert.deepEqual([status, payload.length], ["succeeded", bytes]);
  assert.ok(credits.length <= 4, `${credits.length} frames of credit`);
  assert.ok(credits.every((credit) => credit > 0));
});

test("FrameChannel: what a full sink has taken gets credit when it wants more", async (t) => {
  const room = deferred<void>();
  let writes = 0;
  const sink = sinkOf(() => (++writes > 1000 ? undefined : room.promise));
  const { guest, outcome, credits } = await streaming(t, sink);
  const some = chunkOf(Buffer.alloc(limits.STREAM_WINDOW_BYTES / 1024));
  guest.write(Buffer.concat([BEGIN, ...Array<Buffer>(1000).fill(some)]));
  while (writes < 1000) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(credits, []);
  room.resolve();
  while (credits.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(credits, [(1000 * limits.STREAM_WINDOW_BYTES) / 1024]);
  guest.write(END);
  assert.equal((await outcome).status, "succeeded");
});

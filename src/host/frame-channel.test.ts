import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { encodeFrame, FrameReader } from "../base/mod.ts";
import { limits } from "../model/mod.ts";
import { FRAME, FRAME_BYTES_MAX, type FrameChannel, openFrameChannel } from "./frame-channel.ts";
import { initialiseRequest, runtimeCall } from "./testsuite-guest.ts";

const READY = encodeFrame(FRAME.ready, Buffer.from("{}"));
const INITIALISED = encodeFrame(FRAME.initialised);
const REQUEST = initialiseRequest({ id: "", argv: [], environment: {}, mounts: [] });

/** A host's socket and the socket of whoever plays the guest. */
async function socketPair(t: TestContext): Promise<{ host: Socket; guest: Socket }> {
  const directory = await mkdtemp(path.join(tmpdir(), "hearth-frames-"));
  const server = createServer();
  t.after(async () => {
    server.close();
    await rm(directory, { recursive: true });
  });
  const file = path.join(directory, "s");
  await new Promise<void>((resolve) => server.listen(file, resolve));
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const host = connect(file);
  const guest = await accepted;
  guest.on("error", () => {});
  t.after(() => {
    host.destroy();
    guest.destroy();
  });
  return { host, guest };
}

/** A channel to a fake guest that is ready and initialised. */
async function initialisedPair(t: TestContext): Promise<{ channel: FrameChannel; guest: Socket }> {
  const { host, guest } = await socketPair(t);
  guest.write(READY);
  const channel = await openFrameChannel(host, { onLog() {} });
  const initialised = channel.initialise(REQUEST);
  guest.write(INITIALISED);
  await initialised;
  return { channel, guest };
}

test("FrameChannel: sends one frame for each request, with header and event", async (t) => {
  const { host, guest } = await socketPair(t);
  const reader = new FrameReader(FRAME_BYTES_MAX);
  const received: { type: number; payload: Buffer }[] = [];
  const both = new Promise<void>((resolve) => {
    guest.on("data", (chunk: Buffer) =>
      reader.push(chunk, ({ type, payload }) => {
        received.push({ type, payload });
        if (received.length === 2) resolve();
      }),
    );
  });
  guest.write(READY);
  const channel = await openFrameChannel(host, { onLog() {} });
  const pending = [channel.initialise(REQUEST), channel.invoke(runtimeCall({ a: "é" }))];
  for (const promise of pending) promise.catch(() => {});
  await both;
  assert.deepEqual(
    received.map(({ type }) => type),
    [FRAME.initialise, FRAME.invoke],
  );
  assert.deepEqual(JSON.parse(String(received[0]?.payload)), REQUEST);
  const invoke = received[1]?.payload ?? Buffer.alloc(4);
  const header = invoke.subarray(4, 4 + invoke.readUInt32BE(0));
  assert.equal(JSON.parse(header.toString()).timeoutMs, 3000);
  assert.equal(invoke.subarray(4 + header.length).toString(), '{"a":"é"}');
  channel.close();
  const settled = await Promise.allSettled(pending);
  assert.ok(settled.every(({ status }) => status === "rejected"));
});

test("FrameChannel: a failed initialisation answers the call that was sent ahead", async (t) => {
  const { host, guest } = await socketPair(t);
  guest.write(READY);
  const channel = await openFrameChannel(host, { onLog() {} });
  const initialised = channel.initialise(REQUEST);
  let started = false;
  const called = channel.invoke(
    runtimeCall(
      {},
      {
        onStarted: () => {
          started = true;
        },
      },
    ),
  );
  guest.write(encodeFrame(FRAME.initialiseError, Buffer.from('{"errorType":"TypeError"}')));
  const result = await initialised;
  assert.ok(!result.ok);
  assert.equal(result.outcome.errorType, "TypeError");
  assert.equal(await called, result.outcome);
  assert.equal(started, false);
  await assert.rejects(channel.invoke(runtimeCall({})), { kind: "unavailable" });
});

const oversize = Buffer.alloc(5);
oversize.writeUInt32BE(0xffffffff, 0);
oversize[4] = FRAME.response;

const HOSTILE: Readonly<Record<string, Buffer>> = {
  "an unknown type": encodeFrame(99),
  "a second READY": READY,
  "INIT_DONE again": INITIALISED,
  "INIT_ERROR after INIT_DONE": encodeFrame(FRAME.initialiseError, Buffer.from("{}")),
  "a frame of the host's": encodeFrame(FRAME.invoke),
  "a frame without type": Buffer.alloc(5),
};

for (const [kind, bytes] of Object.entries(HOSTILE)) {
  test(`FrameChannel: ${kind} from the guest ends the channel and the call`, async (t) => {
    const { channel, guest } = await initialisedPair(t);
    const called = channel.invoke(runtimeCall({}));
    guest.write(bytes);
    await assert.rejects(called, { kind: "unavailable", message: /^Runtime broke the protocol: / });
    await assert.rejects(channel.invoke(runtimeCall({})), { kind: "unavailable" });
  });
}

test("FrameChannel: an answer without a call ends the channel", async (t) => {
  const { channel, guest } = await initialisedPair(t);
  const closed = new Promise((resolve) => guest.once("close", resolve));
  guest.resume();
  guest.write(encodeFrame(FRAME.response, Buffer.from("1")));
  await closed;
  await assert.rejects(channel.invoke(runtimeCall({})), { kind: "unavailable" });
});

test("FrameChannel: an answer before initialisation is over ends the channel", async (t) => {
  const { host, guest } = await socketPair(t);
  guest.write(READY);
  const channel = await openFrameChannel(host, { onLog() {} });
  const pending = [channel.initialise(REQUEST), channel.invoke(runtimeCall({}))];
  guest.write(encodeFrame(FRAME.response, Buffer.from("1")));
  const settled = await Promise.allSettled(pending);
  assert.ok(settled.every(({ status }) => status === "rejected"));
});

test("FrameChannel: a response above 6 MB is an outcome, and never held", async (t) => {
  const { channel, guest } = await initialisedPair(t);
  const called = channel.invoke(runtimeCall({}));
  guest.write(oversize);
  const outcome = await called;
  assert.ok(outcome.status === "failed");
  assert.equal(outcome.errorType, "Function.ResponseSizeTooLarge");
  await assert.rejects(channel.invoke(runtimeCall({})), { kind: "unavailable" });
});

test("FrameChannel: a response of exactly 6 MB and 100 bytes passes, byte by byte too", async (t) => {
  const { channel, guest } = await initialisedPair(t);
  const largest = channel.invoke(runtimeCall({}));
  guest.write(encodeFrame(FRAME.response, Buffer.alloc(limits.INVOKE_RESPONSE_BYTES_MAX)));
  assert.equal((await largest).payload.length, limits.INVOKE_RESPONSE_BYTES_MAX);
  const trickled = channel.invoke(runtimeCall({}));
  for (const byte of encodeFrame(FRAME.response, Buffer.from("12"))) guest.write(Buffer.of(byte));
  assert.equal((await trickled).payload.toString(), "12");
});

test("FrameChannel: an error that is no JSON object becomes one", async (t) => {
  const { channel, guest } = await initialisedPair(t);
  for (const text of ["not json", "[]", "null", '"x"']) {
    const called = channel.invoke(runtimeCall({}));
    guest.write(encodeFrame(FRAME.error, Buffer.from(text)));
    const outcome = await called;
    assert.ok(outcome.status === "failed");
    assert.equal(outcome.errorType, "Runtime.Unknown");
    const expected = { errorType: "Runtime.Unknown", errorMessage: text };
    assert.deepEqual(JSON.parse(outcome.payload.toString()), expected);
  }
});

test("FrameChannel: passes log frames on, before, in and after a call", async (t) => {
  const { host, guest } = await socketPair(t);
  const logged: string[] = [];
  guest.write(READY);
  const channel = await openFrameChannel(host, { onLog: (chunk) => logged.push(String(chunk)) });
  const log = (text: string): Buffer => encodeFrame(FRAME.log, Buffer.from(text));
  const initialised = channel.initialise(REQUEST);
  guest.write(Buffer.concat([log("a"), INITIALISED, log("b")]));
  await initialised;
  const called = channel.invoke(runtimeCall({}));
  guest.write(Buffer.concat([log("c"), encodeFrame(FRAME.response, Buffer.from("1")), log("d")]));
  await called;
  assert.deepEqual(logged, ["a", "b", "c", "d"]);
});

test("FrameChannel: opening fails when the guest closes, is not ready, or time is up", async (t) => {
  const closing = await socketPair(t);
  closing.guest.destroy();
  await assert.rejects(openFrameChannel(closing.host, { onLog() {} }), { kind: "unavailable" });
  const logging = await socketPair(t);
  logging.guest.write(encodeFrame(FRAME.log));
  await assert.rejects(openFrameChannel(logging.host, { onLog() {} }), { kind: "unavailable" });
  const silent = await socketPair(t);
  const abort = new AbortController();
  const opening = openFrameChannel(silent.host, { onLog() {}, signal: abort.signal });
  abort.abort();
  await assert.rejects(opening, { kind: "unavailable" });
});

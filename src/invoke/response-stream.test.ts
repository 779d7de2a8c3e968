import assert from "node:assert/strict";
import { test } from "node:test";
import { settled } from "../base/testing.ts";
import { limits, type ResponseHead } from "../model/mod.ts";
import { ResponseStream } from "./response-stream.ts";

const HEAD = { contentType: "text/plain", start: "warm" } as ResponseHead;

test("ResponseStream: tells how it begins, or that it never did", async () => {
  const begun = new ResponseStream();
  begun.begin(HEAD);
  assert.equal(await begun.begun, HEAD);
  const never = new ResponseStream();
  never.end();
  assert.equal(await never.begun, undefined);
});

test("ResponseStream: hands chunks on in order and ends with the call", async () => {
  const stream = new ResponseStream();
  const read: string[] = [];
  const reading = (async () => {
    for await (const chunk of stream) read.push(chunk.toString());
  })();
  void stream.write(Buffer.from("a"));
  await settled();
  assert.deepEqual(read, ["a"], "at once");
  void stream.write(Buffer.from(""));
  void stream.write(Buffer.from("b"));
  stream.end();
  await reading;
  assert.deepEqual(read, ["a", "b"]);
});

test("ResponseStream: a writer far ahead waits until its reader has come after it", async () => {
  const stream = new ResponseStream();
  const half = Buffer.alloc(limits.STREAM_WINDOW_BYTES / 2);
  assert.equal(stream.write(half), undefined);
  const room = stream.write(half);
  assert.ok(room, "the window is full");
  let hasRoom = false;
  void room.then(() => {
    hasRoom = true;
  });
  const chunks = stream[Symbol.asyncIterator]();
  await chunks.next();
  await settled();
  assert.equal(hasRoom, false, "what is being sent counts");
  await chunks.next();
  await settled();
  assert.equal(hasRoom, true);
  assert.equal(stream.heldBytes, half.length);
});

test("ResponseStream: a reader that leaves frees the writer for good", async () => {
  const stream = new ResponseStream();
  const room = stream.write(Buffer.alloc(limits.STREAM_WINDOW_BYTES));
  for await (const _ of stream) break;
  await room;
  assert.equal(stream.write(Buffer.alloc(limits.STREAM_WINDOW_BYTES)), undefined);
  assert.equal(stream.heldBytes, 0);
  const unread = new ResponseStream();
  const waiting = unread.write(Buffer.alloc(limits.STREAM_WINDOW_BYTES));
  unread.abandon();
  await waiting;
  assert.equal(unread.heldBytes, 0);
});

test("ResponseStream: what was written byte by byte is read in larger pieces", async () => {
  const stream = new ResponseStream();
  for (let i = 0; i < 10_000; i++) void stream.write(Buffer.from("x"));
  assert.equal(stream.heldBytes, 10_000);
  stream.end();
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  assert.equal(Buffer.concat(chunks).length, 10_000);
  assert.ok(chunks.length <= 10, `${chunks.length} chunks`);
  assert.equal(stream.heldBytes, 0);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Pieces } from "./pieces.ts";

test("Pieces: a byte at a time makes few buffers, in order", () => {
  const pieces = new Pieces();
  const bytes = Buffer.from(Array.from({ length: 10_000 }, (_, i) => i % 251));
  for (const byte of bytes) pieces.add(Buffer.from([byte]));
  assert.deepEqual(pieces.joined(), bytes);
  assert.ok(pieces.count <= 10, `${pieces.count} buffers`);
});

test("Pieces: what was taken out does not change any more", () => {
  const pieces = new Pieces();
  const taken: Buffer[] = [];
  for (const text of ["a", "b", "", "c", "d".repeat(2000), "e", "f", "", "g"]) {
    pieces.add(Buffer.from(text));
    if (text === "") taken.push(pieces.shift() ?? Buffer.alloc(0));
  }
  taken.push(pieces.joined());
  assert.deepEqual(taken.map(String), ["ab", "c", `${"d".repeat(2000)}efg`]);
});

test("Pieces: empty pieces are not held", () => {
  const pieces = new Pieces();
  for (let i = 0; i < 100; i++) pieces.add(Buffer.alloc(0));
  assert.equal(pieces.count, 0);
  assert.equal(pieces.shift(), undefined);
  assert.equal(pieces.joined().length, 0);
});

test("Pieces: a small view does not keep a large buffer alive", () => {
  const large = Buffer.alloc(64 * 1024, 7);
  for (const parts of [[1100], [1], [1, 1], [1100, 1], [1, 1100]]) {
    const pieces = new Pieces();
    for (const length of parts) pieces.add(large.subarray(0, length));
    for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
      assert.notEqual(piece.buffer, large.buffer);
    }
  }
});

test("Pieces: one piece of a usual size is handed on without a copy", () => {
  const pieces = new Pieces();
  const usual = Buffer.alloc(64 * 1024);
  pieces.add(usual);
  assert.equal(pieces.joined(), usual);
});

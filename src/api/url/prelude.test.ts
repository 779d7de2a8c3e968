import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "../../model/mod.ts";
import { readPrelude } from "./prelude.ts";

const JSON_TEXT = '{"statusCode":201,"headers":{"X-A":"b"},"cookies":["c=d"]}';
const WHOLE = Buffer.concat([Buffer.from(JSON_TEXT), Buffer.alloc(8), Buffer.from("body")]);

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test("prelude: is read however the stream is cut", async () => {
  for (let size = 1; size <= WHOLE.length; size++) {
    const chunks = pieces(WHOLE, size);
    const start = await readPrelude(chunks);
    assert.deepEqual(start?.prelude, {
      status: 201,
      headers: { "content-type": "application/json", "x-a": "b" },
      cookies: ["c=d"],
    });
    let rest = start.rest.toString();
    for await (const chunk of chunks) rest += chunk.toString();
    assert.equal(rest, "body", `pieces of ${size}`);
  }
});

test("prelude: what is none is told apart", async () => {
  const end = Buffer.alloc(8);
  for (const text of ["", "{", "[]", "1", '{"statusCode":1}', '{"headers":{"a b":"c"}}']) {
    const bytes = Buffer.concat([Buffer.from(text), end]);
    assert.equal(await readPrelude(pieces(bytes, 3)), undefined, text);
  }
  assert.equal(await readPrelude(pieces(Buffer.from(JSON_TEXT), 9)), undefined, "no end");
  const endless = Buffer.alloc(limits.STREAM_PRELUDE_BYTES_MAX * 2, "{");
  assert.equal(await readPrelude(pieces(endless, 65_536)), undefined, "too long");
});

test("prelude: byte by byte it takes no longer", async () => {
  const long = Buffer.alloc(limits.STREAM_PRELUDE_BYTES_MAX * 2, "{");
  const from = performance.now();
  assert.equal(await readPrelude(pieces(long, 1)), undefined);
  assert.ok(performance.now() - from < 6000);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { EventStreamCodec } from "@smithy/core/event-streams";
import { eventEncoder } from "./event-stream.ts";

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes as Uint8Array).toString(),
  (text) => Buffer.from(text),
);

test("event stream: AWS's own codec reads what is written, and would write the same", () => {
  const encode = eventEncoder("PayloadChunk", "application/octet-stream");
  for (const payload of ["", "x", "žluťoučký", "a".repeat(100_000)].map((s) => Buffer.from(s))) {
    const message = encode(payload);
    const { headers, body } = codec.decode(message);
    assert.ok(payload.equals(body));
    assert.deepEqual(
      Object.entries(headers).map(([name, { value }]) => [name, value]),
      [
        [":event-type", "PayloadChunk"],
        [":content-type", "application/octet-stream"],
        [":message-type", "event"],
      ],
    );
    assert.ok(message.equals(codec.encode({ headers, body })));
  }
});

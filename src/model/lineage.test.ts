import assert from "node:assert/strict";
import { test } from "node:test";
import { LINEAGE_FUNCTIONS_MAX } from "./limits.ts";
import { passThrough } from "./lineage.ts";

const A = "arn:aws:lambda:us-east-1:111111111111:function:a";
const B = "arn:aws:lambda:us-east-1:111111111111:function:b";
const ROOT = "Root=1-0-0;Parent=1;Sampled=0";

test("Lineage: counts the runs of each function in a chain", () => {
  let traceId = ROOT;
  const seen: number[] = [];
  for (const arn of [A, B, A, A, B]) {
    const passage = passThrough(traceId, arn);
    seen.push(passage.runs);
    traceId = passage.traceId;
  }
  assert.deepEqual(seen, [0, 0, 1, 2, 1]);
  assert.match(traceId, /^Root=1-0-0;Parent=1;Sampled=0;Lineage=[0-9a-f]{8}:2\|[0-9a-f]{8}:1$/);
});

test("Lineage: drops what is malformed and remembers a bounded number of functions", () => {
  const dirty = passThrough(`${ROOT};Lineage=x|1:abc:0|zz:1|;More=1`, A);
  assert.match(dirty.traceId, /;More=1;Lineage=[0-9a-f]{8}:0$/);
  assert.equal(dirty.runs, 0);
  let { traceId } = passThrough(ROOT, A);
  for (let i = 0; i < 2 * LINEAGE_FUNCTIONS_MAX; i++) traceId = passThrough(traceId, B + i).traceId;
  assert.equal(traceId.split("|").length, LINEAGE_FUNCTIONS_MAX);
  assert.equal(passThrough(traceId, A).runs, 0);
});

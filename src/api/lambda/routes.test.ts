import assert from "node:assert/strict";
import { test } from "node:test";
import * as client from "@aws-sdk/client-lambda";
import { DIFFERENCES } from "./differences.ts";
import { ROUTES } from "./routes.ts";

const OPERATIONS: readonly string[] = Object.keys(client)
  .filter((name) => /^[A-Z]\w+Command$/.test(name))
  .map((name) => name.slice(0, -"Command".length))
  .sort();

test("API-1 every operation that the SDK knows has exactly one route, and no other is invented", () => {
  assert.equal(OPERATIONS.length, 88);
  assert.deepEqual(ROUTES.map(({ name }) => name).sort(), OPERATIONS);
});

test("Differences from AWS are told of operations that exist", () => {
  for (const name of Object.keys(DIFFERENCES)) assert.ok(OPERATIONS.includes(name), name);
});

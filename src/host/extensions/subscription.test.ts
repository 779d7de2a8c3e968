import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSubscription, type Subscription } from "./subscription.ts";

const HTTP = { protocol: "HTTP", URI: "http://sandbox.localdomain:8080/path?x=1" };
const GOOD = { schemaVersion: "2022-12-13", types: ["platform", "function"], destination: HTTP };

function parse(value: unknown, api: "telemetry" | "logs" = "telemetry"): Subscription | string {
  return parseSubscription(Buffer.from(JSON.stringify(value)), api);
}

test("subscription: defaults are AWS's", () => {
  assert.deepEqual(parse(GOOD), {
    schema: "2022-12-13",
    categories: new Set(["platform", "function"]),
    destination: { protocol: "HTTP", port: 8080, path: "/path?x=1", method: "POST" },
    buffering: { timeoutMs: 1000, maxBytes: 262_144, maxItems: 10_000 },
  });
  const tcp = parse({ types: ["extension"], destination: { protocol: "TCP", port: 80 } }, "logs");
  assert.ok(typeof tcp === "object");
  assert.deepEqual([tcp.schema, tcp.destination], ["2020-08-15", { protocol: "TCP", port: 80 }]);
});

test("subscription: each member is checked", () => {
  const bad: [unknown, RegExp][] = [
    [[], /JSON object/],
    [{ ...GOOD, schemaVersion: "2021-03-18" }, /^schemaVersion must be one of 2022-07-01/],
    [{ ...GOOD, types: ["platform", "all"] }, /^types must be/],
    [{ ...GOOD, types: "platform" }, /^types must be/],
    [{ ...GOOD, destination: undefined }, /^destination must be/],
    [{ ...GOOD, destination: { ...HTTP, protocol: "HTTPS" } }, /protocol must be HTTP or TCP/],
    [{ ...GOOD, destination: { ...HTTP, method: "GET" } }, /method must be/],
    [{ ...GOOD, destination: { ...HTTP, encoding: "XML" } }, /encoding must be JSON/],
    [{ ...GOOD, destination: { ...HTTP, URI: "http://example.com/" } }, /URI must be/],
    [{ ...GOOD, destination: { ...HTTP, URI: "https://sandbox:1/" } }, /URI must be/],
    [{ ...GOOD, destination: { ...HTTP, URI: "http://sandbox:9001/" } }, /Port 9001 is reserved/],
    [{ ...GOOD, destination: { protocol: "TCP", port: 0 } }, /port must be/],
    [{ ...GOOD, destination: { protocol: "TCP", port: 70_000 } }, /port must be/],
    [{ ...GOOD, buffering: 1 }, /^buffering must be/],
    [{ ...GOOD, buffering: { timeoutMs: 24 } }, /timeoutMs must be a number from 25 to 30000/],
    [{ ...GOOD, buffering: { maxItems: 10_001 } }, /maxItems/],
    [{ ...GOOD, buffering: { maxBytes: "262144" } }, /maxBytes/],
  ];
  for (const [value, message] of bad) assert.match(String(parse(value)), message);
});

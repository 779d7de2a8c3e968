import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { parseServerConfig } from "./config.ts";

test("parseServerConfig: flags come before the environment, and that before defaults", () => {
  const environment = { HEARTH_PORT: "1", HEARTH_HOST: "127.0.0.2" };
  const config = parseServerConfig({ flags: { port: "2" }, environment });
  assert.equal(config.port, 2);
  assert.equal(config.host, "127.0.0.2");
  assert.equal(config.isolation, "process");
});

test("parseServerConfig: by default only a Python that this machine has is kept warm", () => {
  const { warm } = parseServerConfig({ flags: {}, environment: {} });
  assert.equal(warm.get("nodejs24.x"), 2);
  for (const runtime of warm.keys()) {
    if (runtime.startsWith("python")) assert.ok(existsSync(`/usr/bin/${runtime}`), runtime);
  }
});

test("parseServerConfig: what makes no sense is refused by the name of its flag", () => {
  const wrong = { port: "70000", isolation: "vm", warm: "ruby=1", network: "maybe" };
  for (const [flag, value] of Object.entries(wrong)) {
    const parse = (): unknown => parseServerConfig({ flags: { [flag]: value }, environment: {} });
    assert.throws(parse, (error: Error) => error.message.includes(`--${flag}`), flag);
  }
});

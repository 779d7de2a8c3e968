import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { test } from "node:test";
import type { DemoReport } from "../../src/cli/demo.ts";
import { runHearth } from "../support/hearth-process.ts";

async function demoDirectories(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith("hearth-demo-"));
}

test("demo: three functions answer rightly, failures fail as on Lambda, nothing is left", async () => {
  const before = await demoDirectories();
  const { code, stdout, stderr } = await runHearth(["demo", "--json"]);
  assert.equal(code, 0, stdout + stderr);
  const report = JSON.parse(stdout) as DemoReport;
  assert.equal(report.ok, true);
  assert.equal(report.isolation, process.env.HEARTH_ISOLATION ?? "process");
  assert.deepEqual(
    report.functions.map(({ runtime, phases }) => [
      runtime.replace(/\d[\d.x]*$/, ""),
      ...phases.map(({ calls, right }) => `${right}/${calls}`),
    ]),
    ["nodejs", "python", "provided.al"].map((family) => [family, "1/1", "100/100", "50/50"]),
  );
  assert.equal(report.failing.errorType, "RangeError");
  assert.match(report.timingOut.errorMessage ?? "", /Task timed out after 1\.00 seconds/);
  assert.deepEqual(await demoDirectories(), before);
});

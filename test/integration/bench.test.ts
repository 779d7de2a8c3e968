import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Report } from "../../bench/report.ts";

const runner = fileURLToPath(new URL("../../bench/main.ts", import.meta.url));

function runBench(...words: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [runner, ...words], (_, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

test("bench --smoke: every benchmark runs on Hearth and gets the right answers", async () => {
  const { code, stdout, stderr } = await runBench("--smoke", "--json");
  assert.equal(code, 0, stdout + stderr);
  const report = JSON.parse(stdout) as Report;
  assert.deepEqual(
    report.benches.map(({ name }) => name),
    ["first-call", "warm", "warm-sdk", "throughput", "burst", "memory", "registered", "stream"],
  );
  for (const { name, rows, faults, answersHashes } of report.benches) {
    assert.deepEqual(faults, [], name);
    assert.ok(rows.length > 0, `${name} has figures`);
    for (const { subject, figures } of rows) {
      assert.ok(Object.values(figures).every(Number.isFinite), `${name}, ${subject}`);
    }
    for (const hash of answersHashes) assert.match(hash, /^[0-9a-f]{64}$/);
  }
  const [warm] = report.benches.filter(({ name }) => name === "warm");
  assert.equal(warm?.answersHashes.length, 1, "Hearth and the floor give the same answers");
});

test("bench: an unknown benchmark is refused with the names there are", async () => {
  const { code, stderr } = await runBench("nothing");
  assert.equal(code, 2);
  assert.match(stderr, /no benchmark nothing[\s\S]*first-call, warm/);
});

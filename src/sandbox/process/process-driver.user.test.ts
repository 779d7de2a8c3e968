import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** A user that exists on no host, so that it owns nothing and belongs to no group. */
const UID = 61_234;
const SUITE = fileURLToPath(new URL("./process-driver.test.ts", import.meta.url));
const isRoot = process.geteuid?.() === 0;

/**
 * Runs the conformance suite again as an ordinary user. When the tests are run by one anyway, the
 * suite has been.
 */
test("process driver: keeps its promises without root", {
  skip: !isRoot && "not root",
}, async () => {
  const home = mkdtempSync(`${tmpdir()}/hearth-user-`);
  chownSync(home, UID, UID);
  const setpriv = ["--reuid", String(UID), "--regid", String(UID), "--clear-groups", "--"];
  const suite = [process.execPath, "--test-reporter=tap", SUITE];
  try {
    const { stdout } = await promisify(execFile)("setpriv", [...setpriv, ...suite], {
      env: { PATH: "/usr/bin:/bin", TMPDIR: home },
      maxBuffer: 16 * 1024 * 1024,
    }).catch((error: { stdout: string }) => assert.fail(error.stdout));
    assert.match(stdout, /# fail 0/);
    assert.match(stdout, /by an ordinary user/);
  } finally {
    rmSync(home, { recursive: true });
  }
});

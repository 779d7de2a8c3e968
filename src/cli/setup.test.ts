import assert from "node:assert/strict";
import { test } from "node:test";
import { CommandError } from "./command.ts";
import { Output } from "./output.ts";
import { ensurePackages, missingPackages, type SetupHost } from "./setup.ts";

const REQUIREMENTS = [
  { package: "bubblewrap", needs: "bwrap" },
  { package: "mount", needs: "losetup" },
  { package: "mount", needs: "mount" },
  { package: "python3-boto3", needs: "/usr/lib/boto3.py" },
];

interface FakeHost extends SetupHost {
  readonly calls: string[][];
}

function hostWith(options: {
  files: string[];
  isRoot?: boolean;
  /** Files that `apt-get install` brings; none stands for a broken mirror. */
  brings?: string[];
  lists?: boolean;
}): FakeHost {
  const files = new Set(options.files);
  const calls: string[][] = [];
  return {
    calls,
    isRoot: options.isRoot ?? true,
    searchPath: "/opt/bin",
    exists: async (path) => files.has(path),
    hasPackageLists: async () => options.lists ?? true,
    async aptGet(argv) {
      calls.push([...argv]);
      if (argv[0] === "install") for (const file of options.brings ?? []) files.add(file);
      return argv[0] === "update" || options.brings ? 0 : 100;
    },
  };
}

const quiet = new Output({
  stdout: { write: () => true },
  stderr: { write: () => true },
  json: false,
  colours: false,
});

test("setup: programs are looked for on the search path and where root keeps them", async () => {
  const host = hostWith({ files: ["/opt/bin/bwrap", "/usr/sbin/losetup", "/bin/mount"] });
  assert.deepEqual(await missingPackages(REQUIREMENTS, host), ["python3-boto3"]);
});

test("setup: root gets what is missing, each package once", async () => {
  const brings = ["/usr/bin/bwrap", "/sbin/losetup", "/bin/mount", "/usr/lib/boto3.py"];
  const host = hostWith({ files: ["/usr/bin/apt-get"], brings, lists: false });
  await ensurePackages(REQUIREMENTS, quiet, host);
  assert.deepEqual(host.calls, [
    ["update"],
    ["install", "-y", "--no-install-recommends", "bubblewrap", "mount", "python3-boto3"],
  ]);
});

test("setup: an ordinary user is told the one command to type, nothing is run", async () => {
  const host = hostWith({ files: ["/usr/bin/apt-get"], isRoot: false });
  await assert.rejects(ensurePackages(REQUIREMENTS, quiet, host), (error) => {
    assert.ok(error instanceof CommandError);
    assert.equal(error.advice, "Type: sudo apt-get install -y bubblewrap mount python3-boto3");
    return true;
  });
  assert.deepEqual(host.calls, []);
});

test("setup: a failed installation is tried again with fresh lists, then reported", async () => {
  const host = hostWith({ files: ["/usr/bin/apt-get"] });
  await assert.rejects(ensurePackages(REQUIREMENTS, quiet, host), /could not install: bubblewrap/);
  assert.deepEqual(
    host.calls.map(([verb]) => verb),
    ["install", "update", "install"],
  );
});

test("setup: what is there costs nothing", async () => {
  const files = ["/opt/bin/bwrap", "/opt/bin/losetup", "/opt/bin/mount", "/usr/lib/boto3.py"];
  const host = hostWith({ files });
  await ensurePackages(REQUIREMENTS, quiet, host);
  assert.deepEqual(host.calls, []);
});

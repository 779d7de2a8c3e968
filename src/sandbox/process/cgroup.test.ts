import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { CgroupV1, CgroupV2, ControlFile, limitSettings, readFigures } from "./cgroup.ts";
import { probeCgroups } from "./cgroup-probe.ts";

/** A directory that looks like a mounted hierarchy. */
function fakeTree(files: Readonly<Record<string, string>>): Disposable & { readonly root: string } {
  const root = mkdtempSync(`${tmpdir()}/hearth-cgroup-`);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(`${root}/${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
    writeFileSync(`${root}/${path}`, text);
  }
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true }) };
}

test("probeCgroups: finds the server's own groups in the hierarchies of version 1", () => {
  using tree = fakeTree({ "memory/box/tasks": "", "freezer/tasks": "" });
  const { root } = tree;
  const host = probeCgroups("hearth-x", {
    membership: "9:freezer:/\n4:memory:/box\n0::/\n",
    mounts: [
      `30 25 0:26 / ${root}/memory rw shared:9 - cgroup cgroup rw,memory`,
      `31 25 0:27 / ${root}/freezer rw - cgroup cgroup rw,freezer`,
      `32 25 0:28 / ${root}/absent rw - cgroup cgroup rw,pids`,
    ].join("\n"),
  });
  assert.equal(host.version, 1);
  assert.deepEqual(host.directories("hearth-x"), [
    `${root}/memory/box/hearth-x`,
    `${root}/freezer/hearth-x`,
  ]);
  assert.deepEqual(
    [host.memory, host.freezer, host.processes, host.cpu],
    [true, true, false, false],
  );
  assert.deepEqual(readdirSync(`${root}/memory/box`), ["tasks"], "the trial group was removed");
});

test("probeCgroups: in version 2 takes the nearest ancestor that has the controllers", () => {
  using tree = fakeTree({
    "slice/cgroup.procs": "",
    "slice/cgroup.controllers": "cpu memory pids",
    "slice/cgroup.subtree_control": "cpu memory pids",
    "slice/session/cgroup.procs": "",
    "slice/session/cgroup.controllers": "",
    "slice/session/cgroup.subtree_control": "",
  });
  const { root } = tree;
  const host = probeCgroups("hearth-x", {
    membership: "0::/slice/session\n",
    mounts: `30 25 0:26 / ${root} rw - cgroup2 cgroup2 rw\n`,
  });
  assert.equal(host.version, 2);
  assert.deepEqual(host.directories("hearth-x"), [`${root}/slice/hearth-x`]);
});

test("probeCgroups: none where nothing is mounted", () => {
  const host = probeCgroups("hearth-x", { membership: "0::/\n", mounts: "" });
  assert.equal(host.version, "none");
  assert.equal(host.memory, false);
});

test("CgroupV1: memory and swap limits move in the order that the kernel accepts", () => {
  using tree = fakeTree({ "m/g/memory.memsw.limit_in_bytes": String(128 * 1024 * 1024) });
  const host = new CgroupV1({ memory: `${tree.root}/m` });
  const names = (mib: number): string[] =>
    host.memoryLimit("g", mib).map(({ file }) => file.slice(file.lastIndexOf("/") + 1));
  assert.deepEqual(names(256), ["memory.memsw.limit_in_bytes", "memory.limit_in_bytes"]);
  assert.deepEqual(names(64), ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]);
});

test("CgroupV2: a core's worth of weight is the kernel's default", () => {
  const host = new CgroupV2("/c", new Set(["cpu", "memory", "pids"]));
  const settings = limitSettings(host, "g", { memoryMiB: 1, cpuWeight: 1024, processes: 5 });
  assert.deepEqual(
    settings.map(({ file, value }) => [file, value]),
    [
      ["/c/g/memory.max", "1048576"],
      ["/c/g/memory.swap.max", "0"],
      ["/c/g/cpu.weight", "100"],
      ["/c/g/pids.max", "5"],
    ],
  );
});

test("readFigures: understands both versions", () => {
  assert.deepEqual(
    readFigures({ memory: "10\n", memoryPeak: "20\n", cpu: "3000000\n", oom: "oom_kill 1\n" }),
    { memoryBytes: 10, memoryPeakBytes: 20, cpuMs: 3, outOfMemory: true },
  );
  assert.deepEqual(
    readFigures({
      memory: "10\n",
      cpu: "usage_usec 5000\nuser_usec 1\n",
      oom: "oom 1\noom_kill 0\n",
    }),
    { memoryBytes: 10, memoryPeakBytes: 10, cpuMs: 5, outOfMemory: false },
  );
});

test("ControlFile: a group that is gone reads as empty", () => {
  using file = new ControlFile("/no/such/group/memory.usage", "r");
  assert.equal(file.read(), "");
});

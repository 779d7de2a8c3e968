import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../base/mod.ts";
import { testVersion } from "../host/testing.ts";
import { type FunctionVersion, versionKey } from "../model/mod.ts";
import type { ProvisionedTarget } from "../registry/mod.ts";
import { Provisioner } from "./provisioner.ts";

/** A provisioner, what its source says, and what its host was told last of each version. */
function testProvisioner() {
  const source: { targets: ProvisionedTarget[] } = { targets: [] };
  const told = new Map<string, number>();
  const host = {
    provision: (version: FunctionVersion, count: number) =>
      void told.set(versionKey(version), count),
    provisioned: () => ({ allocated: 0, available: 0 }),
  };
  const functions = async function* () {};
  const provisioner = new Provisioner(
    { targets: async () => source.targets, functions },
    host,
    silentLog,
  );
  return { provisioner, source, told };
}

function targetOf(version: FunctionVersion, count: number): ProvisionedTarget {
  return { version, count, shares: { [version.version]: count } };
}

test("Provisioner: tells the host what a function's configurations say, and when they go", async () => {
  const { provisioner, source, told } = testProvisioner();
  const version = testVersion();
  source.targets = [targetOf(version, 2)];
  await provisioner.refresh(version.owner, version.name);
  assert.deepEqual([...told.values()], [2]);
  source.targets = [];
  await provisioner.refresh(version.owner, version.name);
  assert.deepEqual([...told.values()], [0]);
});

test("Provisioner: a function that is made anew does not keep the old one's environments", async () => {
  const { provisioner, source, told } = testProvisioner();
  const [before, after] = [testVersion({ revision: "1" }), testVersion({ revision: "2" })];
  source.targets = [targetOf(before, 2)];
  await provisioner.refresh(before.owner, before.name);
  source.targets = [targetOf(after, 1)];
  await provisioner.refresh(before.owner, before.name);
  assert.equal(told.get(versionKey(before)), 0);
  assert.equal(told.get(versionKey(after)), 1);
});

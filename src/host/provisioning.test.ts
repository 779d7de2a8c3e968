import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../base/mod.ts";
import { ManualClock, settled } from "../base/testing.ts";
import { Acquirer } from "./acquire.ts";
import { Provisioning } from "./provisioning.ts";
import { ScriptedMachine, testVersion } from "./testing.ts";

const ALICE = "111111111111";
const BOB = "222222222222";

function setUp(environmentsMax: number) {
  const clock = new ManualClock();
  const machine = new ScriptedMachine(clock);
  const options = { machine, clock, log: silentLog, bootConcurrency: 4, environmentsMax };
  const acquirer = new Acquirer(options);
  const provisioning = new Provisioning(acquirer, environmentsMax, clock, silentLog);
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 40; i++) await settled();
    provisioning.reconcile();
  };
  return { acquirer, provisioning, settle };
}

test("CONC-1: however much is provisioned, calls find room on the machine", async () => {
  const { acquirer, provisioning, settle } = setUp(8);
  const greedy = testVersion({ owner: ALICE });
  provisioning.want(greedy, 900);
  await settle();
  const state = provisioning.state(greedy);
  assert.deepEqual([state.allocated, state.available], [6, 6]);
  assert.match(state.failure ?? "", /no room/);
  const { environment } = await acquirer.acquire(testVersion({ owner: BOB }));
  assert.equal(environment.isProvisioned, false);
});

test("CONC-1: owners share the room for what is provisioned", async () => {
  const { provisioning, settle } = setUp(8);
  const [greedy, modest] = [testVersion({ owner: ALICE }), testVersion({ owner: BOB })];
  provisioning.want(greedy, 900);
  await settle();
  provisioning.want(modest, 2);
  await settle();
  await settle();
  assert.deepEqual(provisioning.state(modest), { allocated: 2, available: 2 });
  assert.equal(provisioning.state(greedy).allocated, 4);
  provisioning.want(modest, 0);
  await settle();
  await settle();
  assert.equal(provisioning.state(greedy).allocated, 6, "what is free again is given again");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { silentLog } from "../base/mod.ts";
import { ManualClock, settled } from "../base/testing.ts";
import type { FunctionVersion } from "../model/mod.ts";
import { type Acquired, Acquirer } from "./acquire.ts";
import { plainBootKey } from "./boot-key.ts";
import type { Environment } from "./environment.ts";
import { ScriptedMachine, testVersion } from "./testing.ts";

function newAcquirer(environmentsMax = 1000): {
  acquirer: Acquirer;
  machine: ScriptedMachine;
  clock: ManualClock;
} {
  const clock = new ManualClock();
  const machine = new ScriptedMachine(clock);
  const options = { machine, log: silentLog, clock, bootConcurrency: 4, environmentsMax };
  return { acquirer: new Acquirer(options), machine, clock };
}

/** What a finished call leaves behind. */
function giveBack(acquirer: Acquirer, environment: Environment, durationMs = 100): void {
  environment.state = "idle";
  acquirer.release(environment, durationMs);
}

async function pooledAcquirer(count: number): Promise<ReturnType<typeof newAcquirer>> {
  const made = newAcquirer();
  for (let i = 0; i < count; i++) made.acquirer.addPooled(plainBootKey("nodejs24.x"));
  while (made.acquirer.inventory.poolSize("nodejs24.x").ready < count) await settled();
  return made;
}

test("P21-1: four staged calls start cold, warm, in the owner's instance and from the pool", async () => {
  const { acquirer } = newAcquirer();
  const first = await acquirer.acquire(testVersion({ name: "a" }));
  assert.equal(first.start, "cold");
  giveBack(acquirer, first.environment);
  const second = await acquirer.acquire(testVersion({ name: "a" }));
  assert.equal(second.start, "warm");
  assert.equal(second.environment, first.environment);
  const third = await acquirer.acquire(testVersion({ name: "b" }));
  assert.equal(third.start, "instance");
  acquirer.addPooled(plainBootKey("nodejs24.x"));
  while (acquirer.inventory.poolSize("nodejs24.x").ready < 1) await settled();
  const fourth = await acquirer.acquire(testVersion({ owner: "111111111111" }));
  assert.equal(fourth.start, "pool");
});

test("Acquirer: functions of a capacity provider have instances of their own", async () => {
  const { acquirer } = newAcquirer();
  const plain = testVersion({ name: "a" });
  const CapacityProviderArn = "arn:aws:lambda:us-east-1:000000000000:capacity-provider:fast";
  const LambdaManagedInstancesCapacityProviderConfig = { CapacityProviderArn };
  const passthrough = { CapacityProviderConfig: { LambdaManagedInstancesCapacityProviderConfig } };
  const managed = (name: string): FunctionVersion => {
    const version = testVersion({ name });
    return { ...version, configuration: { ...version.configuration, passthrough } };
  };
  const first = await acquirer.acquire(plain);
  const second = await acquirer.acquire(managed("b"));
  assert.equal(second.start, "cold");
  assert.notEqual(second.environment.instance, first.environment.instance);
  const third = await acquirer.acquire(managed("c"));
  assert.equal(third.environment.instance, second.environment.instance);
});

test("P21-2: a function of 512 MB is not placed in a remainder of 128 MB", async () => {
  const { acquirer } = newAcquirer();
  const large = await acquirer.acquire(testVersion({ name: "a", memorySizeMiB: 896 }));
  const next = await acquirer.acquire(testVersion({ name: "b", memorySizeMiB: 512 }));
  assert.equal(next.start, "cold");
  assert.notEqual(next.environment.instance, large.environment.instance);
  const small = await acquirer.acquire(testVersion({ name: "c", memorySizeMiB: 128 }));
  assert.equal(small.environment.instance, large.environment.instance);
});

test("P21-3: a second function of an owner lands in the same instance, another environment", async () => {
  const { acquirer } = await pooledAcquirer(2);
  const first = await acquirer.acquire(testVersion({ name: "a" }));
  const second = await acquirer.acquire(testVersion({ name: "b" }));
  assert.equal(first.start, "pool");
  assert.equal(second.start, "instance");
  assert.equal(second.environment.instance, first.environment.instance);
  assert.notEqual(second.environment, first.environment);
});

test("P21-6: calls at the same time never get the same environment", async () => {
  const { acquirer } = newAcquirer();
  const version = testVersion();
  const acquired = await Promise.all(Array.from({ length: 60 }, () => acquirer.acquire(version)));
  assert.equal(new Set(acquired.map(({ environment }) => environment.id)).size, 60);
});

test("P20-2: a first call takes from the pool", async () => {
  const { acquirer } = await pooledAcquirer(2);
  const taken = await acquirer.acquire(testVersion());
  assert.equal(taken.start, "pool");
  assert.equal(acquirer.inventory.poolSize("nodejs24.x").ready, 1);
});

test("P20-3: owners never share an instance, whatever the order of calls and returns", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          owner: fc.constantFrom("000000000001", "000000000002", "000000000003"),
          name: fc.constantFrom("a", "b", "c"),
          memorySizeMiB: fc.constantFrom(128, 512, 3008),
          isReturned: fc.boolean(),
        }),
        { maxLength: 40 },
      ),
      async (steps) => {
        const { acquirer } = await pooledAcquirer(3);
        const ownerOfInstance = new Map<string, string>();
        for (const { isReturned, ...wanted } of steps) {
          const { environment } = await acquirer.acquire(testVersion(wanted));
          const { instance } = environment;
          const known = ownerOfInstance.get(instance.id) ?? wanted.owner;
          assert.equal(known, wanted.owner);
          ownerOfInstance.set(instance.id, wanted.owner);
          assert.ok(instance.assignedMiB <= instance.capacityMiB);
          if (isReturned) giveBack(acquirer, environment);
        }
      },
    ),
    { numRuns: 50 },
  );
});

test("Acquirer: a call that waits for a boot takes an environment that is returned first", async () => {
  const { acquirer, machine } = newAcquirer();
  const version = testVersion();
  const first = await acquirer.acquire(version);
  machine.isManual = true;
  const waiting = acquirer.acquire(version);
  await settled();
  giveBack(acquirer, first.environment);
  const second: Acquired = await waiting;
  assert.equal(second.start, "warm");
  assert.equal(second.environment, first.environment);
  machine.boots.at(-1)?.finish();
  await settled();
  const spare = first.environment.instance.waiting(plainBootKey("nodejs24.x"));
  assert.ok(spare, "the boot nobody needed is the owner's spare");
});

test("Acquirer: boots that nobody waits for any more are not started", async () => {
  const { acquirer, machine } = newAcquirer();
  const version = testVersion();
  const first = await acquirer.acquire(version);
  machine.isManual = true;
  const waiting = Array.from({ length: 20 }, () => acquirer.acquire(version));
  let environment = first.environment;
  for (const next of waiting) {
    giveBack(acquirer, environment);
    environment = (await next).environment;
  }
  for (const boot of machine.boots) boot.finish();
  await settled();
  assert.ok(machine.boots.length <= 1 + 4, `${machine.boots.length} boots for one that served all`);
});

test("Acquirer: a full machine ends the environment idle for longest", async () => {
  const { acquirer, machine } = newAcquirer(2);
  const oldest = await acquirer.acquire(testVersion({ name: "a" }));
  const newer = await acquirer.acquire(testVersion({ name: "b" }));
  oldest.environment.lastUsedAt = 1;
  newer.environment.lastUsedAt = 2;
  giveBack(acquirer, oldest.environment);
  giveBack(acquirer, newer.environment);
  const third = await acquirer.acquire(testVersion({ name: "c" }));
  assert.equal(oldest.environment.state, "ended");
  assert.equal(newer.environment.state, "idle");
  assert.equal(third.environment.state, "busy");
  assert.equal(machine.sandboxes[0]?.isKilled, true);
});

test("Acquirer: an environment of a replaced revision is not found again", async () => {
  const { acquirer } = newAcquirer();
  const before: FunctionVersion = testVersion({ revision: "1" });
  const { environment } = await acquirer.acquire(before);
  environment.isRetired = true;
  giveBack(acquirer, environment);
  const { start } = await acquirer.acquire(testVersion({ revision: "2" }));
  assert.notEqual(start, "warm");
  assert.equal(environment.state, "ended");
});

test("Acquirer: an idle environment whose process has ended is not given to a call", async () => {
  const { acquirer, machine } = newAcquirer();
  const first = await acquirer.acquire(testVersion());
  giveBack(acquirer, first.environment);
  machine.sandboxes[0]?.exit({ code: 1, signal: null, outOfMemory: false });
  await settled();
  const second = await acquirer.acquire(testVersion());
  assert.notEqual(second.environment, first.environment);
});

/** Six environments of one version, idle after calls of this length. */
async function withIdle(durationMs: number): Promise<ReturnType<typeof newAcquirer>> {
  const made = newAcquirer();
  const calls = Array.from({ length: 6 }, () => made.acquirer.acquire(testVersion()));
  for (const { environment } of await Promise.all(calls)) {
    giveBack(made.acquirer, environment, durationMs);
  }
  return made;
}

test("Acquirer: many short calls share a few environments, one after another", async () => {
  const { acquirer } = await withIdle(0.1);
  const version = testVersion();
  const running = await Promise.all([1, 2, 3, 4].map(() => acquirer.acquire(version)));
  const fifth = acquirer.acquire(version);
  await settled();
  giveBack(acquirer, running[0]?.environment as Environment, 0.1);
  assert.equal((await fifth).environment, running[0]?.environment);
});

test("Acquirer: a short call waits a moment for others, then takes an idle environment", async () => {
  const { acquirer, clock } = await withIdle(0.1);
  const version = testVersion();
  const running = await Promise.all([1, 2, 3, 4].map(() => acquirer.acquire(version)));
  const fifth = acquirer.acquire(version);
  await clock.advance(20);
  const { environment, start } = await fifth;
  assert.equal(start, "warm");
  assert.ok(running.every((other) => other.environment !== environment));
});

test("Acquirer: long calls never wait while an environment is idle", async () => {
  const { acquirer } = await withIdle(50);
  const version = testVersion();
  const running = await Promise.all([1, 2, 3, 4, 5, 6].map(() => acquirer.acquire(version)));
  assert.equal(new Set(running.map(({ environment }) => environment)).size, 6);
});

test("acquire: a call waits a moment for the extensions of an environment, not for ever", async () => {
  const { acquirer, machine, clock } = newAcquirer();
  const version = testVersion();
  const { environment } = await acquirer.acquire(version);
  const settling = Promise.withResolvers<void>();
  acquirer.releaseAfter(settling.promise, environment, 1);
  const next = acquirer.acquire(version);
  await settled();
  assert.equal(machine.boots.length, 1);
  environment.state = "idle";
  settling.resolve();
  assert.equal((await next).environment, environment);
  const slow = Promise.withResolvers<void>();
  acquirer.releaseAfter(slow.promise, environment, 1);
  const other = acquirer.acquire(version);
  await settled();
  await clock.advance(100);
  assert.notEqual((await other).environment, environment);
  slow.resolve();
});

test("acquire: an instance is gone when the last of its environments has taken its leave", async () => {
  const { acquirer } = newAcquirer();
  const { environment } = await acquirer.acquire(testVersion());
  const { instance } = environment;
  const leave = Promise.withResolvers<void>();
  environment.end = () => leave.promise;
  acquirer.discard(environment);
  let isGone = false;
  const ended = acquirer.endInstance(instance).then(() => {
    isGone = true;
  });
  await settled();
  assert.equal(isGone, false);
  leave.resolve();
  await ended;
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Clock, PlatformError, secureRandom, systemClock } from "../base/mod.ts";
import type { TableStore } from "../engine/mod.ts";
import type { Owner } from "../model/mod.ts";
import { Accounts, OPERATOR } from "./accounts.ts";
import { MemoryTableStore } from "./testing.ts";

const masterKey: Buffer = secureRandom.bytes(32);

function accountsOn(store: TableStore, clock: Clock = systemClock, key = masterKey): Accounts {
  return new Accounts({ store, masterKey: key, clock, random: secureRandom });
}

function unauthenticated(reason: string): (error: unknown) => boolean {
  return (error) =>
    error instanceof PlatformError &&
    error.detail.kind === "unauthenticated" &&
    error.detail.reason === reason;
}

test("Accounts: the first start makes the operator, later starts find it", async () => {
  const store = new MemoryTableStore();
  const [first, racing] = await Promise.all([accountsOn(store).open(), accountsOn(store).open()]);
  assert.equal(first.owner, "000000000000");
  assert.match(first.accessKeyId, /^AKIA[A-Z2-7]{16}$/);
  assert.equal(first.secretAccessKey.length, 40);
  assert.deepEqual(racing, first);
  assert.deepEqual(await accountsOn(store).open(), first);
});

test("Accounts: secrets rest encrypted and open only with the master key", async () => {
  const store = new MemoryTableStore();
  const { secretAccessKey } = await accountsOn(store).open();
  const stored = JSON.stringify(await store.list("access_key"));
  assert.ok(stored.length > 100 && !stored.includes(secretAccessKey));
  const stranger = accountsOn(store, systemClock, secureRandom.bytes(32));
  await assert.rejects(stranger.open(), { message: /does not open with this server's master key/ });
});

test("Accounts: a key is read once and answered at once from then on", async () => {
  const store = new MemoryTableStore();
  const accounts = accountsOn(store);
  await accounts.open();
  const made = await accounts.create("second");
  const credential = await accounts.credential(made.accessKeyId);
  const { reads } = store;
  assert.equal(accounts.credential(made.accessKeyId), credential);
  assert.equal(store.reads, reads);
  assert.equal(credential.secretAccessKey, made.secretAccessKey);
  assert.equal(credential.principal.operator, false);
  assert.equal(credential.principal.arn, `arn:aws:iam::${made.owner}:root`);
});

test("Accounts: names are checked and unique, numbers have twelve digits", async () => {
  const accounts = accountsOn(new MemoryTableStore());
  await accounts.open();
  const made = await accounts.create("team-a");
  assert.match(made.owner, /^\d{12}$/);
  await assert.rejects(accounts.create("team-a"), { message: "Account exists already: team-a" });
  for (const name of ["", "-a", "a b", "a/b", "x".repeat(65), "a\n"]) {
    await assert.rejects(accounts.create(name), { message: /Account name must match/ });
  }
  const listed = await accounts.list();
  assert.deepEqual(listed.map((account) => account.name).sort(), ["operator", "team-a"]);
  assert.ok(!JSON.stringify(listed).includes(made.secretAccessKey));
});

test("Accounts: unknown and malformed keys are refused", async () => {
  const accounts = accountsOn(new MemoryTableStore());
  const { accessKeyId } = await accounts.open();
  for (const id of ["AKIAAAAAAAAAAAAAAAAA", "", "../account/000000000000", "AKIA".repeat(1000)]) {
    await assert.rejects(async () => accounts.credential(id), unauthenticated("unknown_key"));
  }
  assert.throws(() => accounts.credential(accessKeyId, "token"), unauthenticated("invalid_token"));
});

test("Accounts: temporary credentials are verified without storage until they expire", async () => {
  let nowMs = Date.UTC(2026, 0, 1);
  const clock: Clock = { ...systemClock, now: () => nowMs };
  const issuing = accountsOn(new MemoryTableStore(), clock);
  const session = { roleName: "hearth", sessionName: "fn-1", lifetimeSeconds: 60 };
  const issued = issuing.issue({ owner: OPERATOR, ...session });
  assert.match(issued.accessKeyId, /^ASIA[A-Z2-7]{16}$/);

  const verifying = accountsOn(new MemoryTableStore(), clock);
  for (let round = 0; round < 2; round++) {
    const credential = await verifying.credential(issued.accessKeyId, issued.sessionToken);
    assert.equal(credential.secretAccessKey, issued.secretAccessKey);
    assert.equal(credential.principal.owner, OPERATOR);
    assert.equal(
      credential.principal.operator,
      false,
      "code in a function never acts as the operator",
    );
    assert.equal(credential.principal.arn, "arn:aws:sts::000000000000:assumed-role/hearth/fn-1");
    assert.match(credential.principal.userId, /^AROA[A-Z2-7]{16}:fn-1$/);
  }
  nowMs += 60_000;
  assert.throws(
    () => verifying.credential(issued.accessKeyId, issued.sessionToken),
    unauthenticated("expired_token"),
  );
});

test("Accounts: a session token is refused with any byte changed or another key id", () => {
  const accounts = accountsOn(new MemoryTableStore());
  const session = { roleName: "r", sessionName: "s", lifetimeSeconds: 60 };
  const issued = accounts.issue({ owner: "123456789012" as Owner, ...session });
  const other = accounts.issue({ owner: "123456789013" as Owner, ...session });
  assert.ok(accounts.credential(issued.accessKeyId, issued.sessionToken));

  const refused = (id: string, token?: string): void =>
    assert.throws(() => accounts.credential(id, token), unauthenticated("invalid_token"));
  refused(issued.accessKeyId);
  refused(issued.accessKeyId, "");
  refused(issued.accessKeyId, other.sessionToken);
  refused(other.accessKeyId, issued.sessionToken);
  const box = Buffer.from(issued.sessionToken, "base64");
  for (let at = 0; at < box.length; at++) {
    const changed = Buffer.from(box);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    refused(issued.accessKeyId, changed.toString("base64"));
  }
});

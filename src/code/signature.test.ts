import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { extractPackage } from "./package.ts";
import {
  SIGNATURE_PATH,
  type SignatureVerdict,
  type Signers,
  signingKeyOf,
  signPackage,
  verifySignature,
} from "./signature.ts";
import { scratchDirectory, zipOf } from "./testing.ts";
import { readTree } from "./tree.ts";

const ARN = "arn:aws:signer:us-east-1:111111111111:/signing-profiles/release/abcDEF0123";
const { privateKey, publicKey } = generateKeyPairSync("ed25519", {
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});
const NOW = Date.UTC(2026, 0, 1);
const REQUEST = { profileVersionArn: ARN, privateKey, jobId: "job", nowMs: NOW };
const SIGNERS: Signers = {
  publicKeyOf: async (arn) => (arn === ARN ? publicKey : undefined),
  nowMs: NOW,
};
const FILES = { "index.js": "exports.handler = 1;", "lib/a.txt": "a", __proto__x: "p" };

async function verdictOn(zip: Buffer, signers = SIGNERS): Promise<SignatureVerdict> {
  await using scratch = await scratchDirectory();
  const root = join(scratch.path, "root");
  await extractPackage(zip, root);
  return await verifySignature(await readTree(root), signers);
}

/** The package with its files as `change` leaves them, the signature among them. */
async function altered(change: (files: Record<string, string>) => void): Promise<Buffer> {
  await using scratch = await scratchDirectory();
  const root = join(scratch.path, "root");
  await extractPackage(await signPackage(await zipOf(FILES), REQUEST), root);
  const { readFile } = await import("node:fs/promises");
  const files: Record<string, string> = {};
  for (const path of (await readTree(root)).files) {
    files[path] = await readFile(join(root, path), "utf8");
  }
  change(files);
  return await zipOf(files);
}

test("signature: a signed package is known by its signer", async () => {
  const zip = await zipOf(FILES, 0o100755);
  const signed = await signPackage(zip, REQUEST);
  assert.deepEqual(await verdictOn(signed), {
    kind: "signed",
    profileVersionArn: ARN,
    jobId: "job",
  });
  assert.deepEqual(await signPackage(zip, REQUEST), signed, "equal input makes equal bytes");
  const again = await signPackage(signed, REQUEST);
  assert.equal((await verdictOn(again)).kind, "signed", "a signature is replaced, not signed");
});

test("signature: an unsigned package and an unknown signer are told apart", async () => {
  assert.deepEqual(await verdictOn(await zipOf(FILES)), { kind: "unsigned" });
  const signed = await signPackage(await zipOf(FILES), REQUEST);
  const nobody: Signers = { publicKeyOf: async () => undefined, nowMs: NOW };
  const verdict = await verdictOn(signed, nobody);
  assert.deepEqual(verdict, { kind: "unknown_signer", profileVersionArn: ARN });
});

test("signature: expires at its moment", async () => {
  const signed = await signPackage(await zipOf(FILES), { ...REQUEST, expiresAtMs: NOW + 1000 });
  assert.equal((await verdictOn(signed)).kind, "signed");
  const later = { ...SIGNERS, nowMs: NOW + 1000 };
  assert.deepEqual(await verdictOn(signed, later), { kind: "expired", profileVersionArn: ARN });
});

for (const [what, change] of [
  [
    "a changed file",
    (files) => {
      files["index.js"] += "evil()";
    },
  ],
  [
    "an added file",
    (files) => {
      files["added.js"] = "";
    },
  ],
  [
    "a missing file",
    (files) => {
      delete files["lib/a.txt"];
    },
  ],
  [
    "a manifest made to fit",
    (files) => {
      const entry = JSON.parse(files[SIGNATURE_PATH] ?? "");
      const manifest = { ...JSON.parse(entry.manifest), jobId: "other" };
      files[SIGNATURE_PATH] = JSON.stringify({ ...entry, manifest: JSON.stringify(manifest) });
    },
  ],
  [
    "no signature at all",
    (files) => {
      const { manifest } = JSON.parse(files[SIGNATURE_PATH] ?? "");
      files[SIGNATURE_PATH] = JSON.stringify({ manifest, signature: "" });
    },
  ],
  [
    "rubbish",
    (files) => {
      files[SIGNATURE_PATH] = "[]";
    },
  ],
] as [string, (files: Record<string, string>) => void][]) {
  test(`signature: ${what} is damage`, async () => {
    assert.equal((await verdictOn(await altered(() => {}))).kind, "signed");
    assert.equal((await verdictOn(await altered(change))).kind, "damaged");
  });
}

test("signature: another's key does not verify", async () => {
  const other = generateKeyPairSync("ed25519", {
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const forged = await signPackage(await zipOf(FILES), {
    ...REQUEST,
    privateKey: other.privateKey,
  });
  assert.equal((await verdictOn(forged)).kind, "damaged");
});

test("signingKeyOf: takes Ed25519 public keys and nothing else", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey;
  assert.equal(signingKeyOf(`\n${publicKey.trim()}`), publicKey);
  assert.equal(signingKeyOf(privateKey), undefined);
  assert.equal(signingKeyOf(rsa.export({ type: "spki", format: "pem" }).toString()), undefined);
  assert.equal(signingKeyOf("nothing"), undefined);
});

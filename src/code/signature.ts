import { createHash, createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { ZipFile } from "yazl";
import { limits } from "../model/mod.ts";
import { packageFiles } from "./package.ts";
import { forEachParallel } from "./parallel.ts";
import type { CodeTree } from "./tree.ts";

/**
 * Signed packages: a zip says in one of its own entries what all other files must be and who
 * vouches for it. The entry is JSON of two strings: "manifest", itself JSON text, and "signature",
 * base64 of the Ed25519 signature of exactly that text in UTF-8, so that nobody has to agree on how
 * JSON is written. docs/guides/layers.md describes it for those who sign.
 */
export const SIGNATURE_PATH: string = "META-INF/hearth-signature.json";

/** What is signed. */
interface Manifest {
  readonly profileVersionArn: string;
  /** Names the act of signing, as AWS Signer's job ids do. */
  readonly jobId: string;
  /** ISO 8601. */
  readonly signedAt: string;
  readonly expiresAt?: string;
  /** Every other file of the package by its path: base64 of its SHA-256. */
  readonly files: Readonly<Record<string, string>>;
}

export interface SignRequest {
  readonly profileVersionArn: string;
  /** Ed25519, PKCS #8 in PEM. */
  readonly privateKey: string;
  readonly jobId: string;
  readonly nowMs: number;
  /** From then on the package is not accepted any more; it runs where it already is. */
  readonly expiresAtMs?: number;
}

/** Who verification asks. */
export interface Signers {
  /** The public key of a profile version in PEM; undefined when there is none such any more. */
  publicKeyOf(profileVersionArn: string): Promise<string | undefined>;
  readonly nowMs: number;
}

export type SignatureVerdict =
  | { readonly kind: "signed"; readonly profileVersionArn: string; readonly jobId: string }
  | { readonly kind: "unsigned" }
  | { readonly kind: "unknown_signer"; readonly profileVersionArn: string }
  | { readonly kind: "expired"; readonly profileVersionArn: string }
  /** The package is not what was signed, or what should be a signature is none. */
  | { readonly kind: "damaged"; readonly reason: string };

/** Files being hashed at once: what Node's thread pool has threads. */
const HASH_WIDTH = 4;

/** A public key as verification takes it, always written alike; undefined when it is no Ed25519. */
export function signingKeyOf(pem: string): string | undefined {
  if (!/^\s*-----BEGIN PUBLIC KEY-----/.test(pem)) return undefined;
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType !== "ed25519") return undefined;
    return key.export({ type: "spki", format: "pem" }).toString();
  } catch {
    return undefined;
  }
}

/**
 * The same package with a signature in it, in place of one it may have had. Equal input makes equal
 * bytes. Directories without files are not kept: nothing could vouch for them.
 * @throws PlatformError kind "invalid_package"; the crypto library's error for a key it cannot use
 */
export async function signPackage(zip: Buffer, request: SignRequest): Promise<Buffer> {
  const digests = new Map<string, string>();
  const signed = new ZipFile();
  const mtime = new Date(1980, 0, 1);
  for await (const { path, mode, content } of packageFiles(zip)) {
    if (path === SIGNATURE_PATH) continue;
    digests.set(path, createHash("sha256").update(content).digest("base64"));
    signed.addBuffer(content, path, { mtime, mode: 0o100000 | mode, forceDosTimestamp: true });
  }
  const manifest: Manifest = {
    profileVersionArn: request.profileVersionArn,
    jobId: request.jobId,
    signedAt: new Date(request.nowMs).toISOString(),
    ...(request.expiresAtMs === undefined
      ? {}
      : { expiresAt: new Date(request.expiresAtMs).toISOString() }),
    files: Object.fromEntries(digests),
  };
  const text = JSON.stringify(manifest);
  const signature = sign(null, Buffer.from(text), createPrivateKey(request.privateKey));
  const entry = JSON.stringify({ manifest: text, signature: signature.toString("base64") });
  const options = { mtime, mode: 0o100444, forceDosTimestamp: true };
  signed.addBuffer(Buffer.from(entry), SIGNATURE_PATH, options);
  signed.end();
  return await buffer(signed.outputStream);
}

/** Compares an unpacked package with its signature. Cost: reads every file of a signed one. */
export async function verifySignature(tree: CodeTree, signers: Signers): Promise<SignatureVerdict> {
  if (!tree.files.includes(SIGNATURE_PATH)) return { kind: "unsigned" };
  const file = join(tree.root, SIGNATURE_PATH);
  if ((await stat(file)).size > limits.SIGNATURE_BYTES_MAX) return damaged("Signature is too long");
  const entry = parseEntry(await readFile(file, "utf8"));
  if (!entry) return damaged("Signature cannot be read");
  const { manifest, text, signature } = entry;
  const { profileVersionArn, jobId, expiresAt } = manifest;
  const publicKey = await signers.publicKeyOf(profileVersionArn);
  if (publicKey === undefined) return { kind: "unknown_signer", profileVersionArn };
  if (!verify(null, Buffer.from(text), createPublicKey(publicKey), signature)) {
    return damaged("Signature is not the signer's");
  }
  const different = await differentFile(tree, manifest);
  if (different !== undefined) return damaged(`${different} is not what was signed`);
  if (expiresAt !== undefined && !(Date.parse(expiresAt) > signers.nowMs)) {
    return { kind: "expired", profileVersionArn };
  }
  return { kind: "signed", profileVersionArn, jobId };
}

function damaged(reason: string): SignatureVerdict {
  return { kind: "damaged", reason };
}

interface Entry {
  readonly manifest: Manifest;
  readonly text: string;
  readonly signature: Buffer;
}

/** Undefined for whatever a stranger wrote instead of a signature. */
function parseEntry(json: string): Entry | undefined {
  const entry = parsedObject(json);
  if (typeof entry?.manifest !== "string" || typeof entry.signature !== "string") return undefined;
  const manifest = parsedObject(entry.manifest);
  if (typeof manifest?.profileVersionArn !== "string" || typeof manifest.jobId !== "string") {
    return undefined;
  }
  const { files, expiresAt } = manifest;
  if (typeof files !== "object" || files === null) return undefined;
  if (expiresAt !== undefined && typeof expiresAt !== "string") return undefined;
  return {
    manifest: manifest as unknown as Manifest,
    text: entry.manifest,
    signature: Buffer.from(entry.signature, "base64"),
  };
}

function parsedObject(json: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** A path that is missing, added or changed. */
async function differentFile(tree: CodeTree, manifest: Manifest): Promise<string | undefined> {
  const wanted = new Map(Object.entries(manifest.files));
  const present = tree.files.filter((path) => path !== SIGNATURE_PATH);
  if (present.length < wanted.size) {
    const have = new Set(present);
    return wanted.keys().find((path) => !have.has(path));
  }
  let different: string | undefined;
  await forEachParallel(present, HASH_WIDTH, async (path) => {
    if (different !== undefined) return;
    const expected = wanted.get(path);
    if (expected === undefined || (await digestOf(join(tree.root, path))) !== expected) {
      different = path;
    }
  });
  return different;
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("base64");
}

import { createPrivateKey, createPublicKey, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { adminJson } from "./admin.ts";
import { CommandError } from "./command.ts";
import type { Connection } from "./connection.ts";

/**
 * The zip with the signature of one of the account's signing profiles.
 * @throws CommandError when the key cannot be used, or is not the profile's
 */
export async function signedZip(
  connection: Connection,
  zip: Buffer,
  { keyFile, profile }: { readonly keyFile: string; readonly profile: string },
): Promise<Buffer> {
  const privateKey = await readFile(keyFile, "utf8").catch((cause) => {
    throw new CommandError(`Cannot read ${keyFile}: ${cause.code}`, undefined, { cause });
  });
  const path = `/_hearth/signing-profiles/${encodeURIComponent(profile)}`;
  const { arn, publicKey } = (await adminJson(connection, { method: "GET", path })) as {
    readonly arn: string;
    readonly publicKey: string;
  };
  if (publicKeyOf(privateKey, keyFile) !== publicKey) {
    throw new CommandError(
      `${keyFile} is not the key of signing profile ${profile}`,
      "See docs/guides/layers.md on how to register it.",
    );
  }
  const { signPackage } = await import("../code/mod.ts");
  return await signPackage(zip, {
    ...{ profileVersionArn: arn, privateKey },
    ...{ jobId: randomUUID(), nowMs: Date.now() },
  });
}

function publicKeyOf(privateKey: string, keyFile: string): string {
  try {
    const key = createPublicKey(createPrivateKey(privateKey));
    return key.export({ type: "spki", format: "pem" }).toString();
  } catch (cause) {
    throw new CommandError(
      `${keyFile} is not a private key in PEM`,
      "Make one with `openssl genpkey -algorithm ed25519 -out key.pem`.",
      { cause },
    );
  }
}

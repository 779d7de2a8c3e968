import { PlatformError } from "../../base/mod.ts";
import { limits } from "../../model/mod.ts";
import { invalidParameter, LambdaError } from "./errors.ts";

/**
 * The zip of a request's ZipFile member.
 * @throws LambdaError when it is missing or not base64, PlatformError kind "too_large"
 */
export function zipOf(base64: string | undefined, what: "function" | "layer" = "function"): Buffer {
  if (base64 === undefined) throw invalidParameter(`Please provide a source for ${what} code.`);
  const zip = Buffer.from(base64, "base64");
  // The decoder skips what is not base64: then fewer bytes come out than the text stands for.
  if (zip.length !== decodedBytes(base64)) {
    throw new LambdaError(400, "SerializationException", "ZipFile is not valid base64");
  }
  if (zip.length > limits.PACKAGE_ZIP_BYTES_MAX) {
    throw new PlatformError(
      {
        kind: "too_large",
        what: "zip",
        limitBytes: limits.PACKAGE_ZIP_BYTES_MAX,
        actualBytes: zip.length,
      },
      `Zip of ${zip.length} bytes exceeds the limit of ${limits.PACKAGE_ZIP_BYTES_MAX}`,
    );
  }
  return zip;
}

function decodedBytes(base64: string): number {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  return Math.floor(((base64.length - padding) * 3) / 4);
}

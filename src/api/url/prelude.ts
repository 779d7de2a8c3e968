import { Pieces } from "../../base/mod.ts";
import { limits } from "../../model/mod.ts";
import { isObject, preludeOf, type ResponsePrelude } from "./function-response.ts";

/** What a function streams when it says status and headers itself. */
export const PRELUDE_TYPE: string = "application/vnd.awslambda.http-integration-response";

/** What separates them from the body. Source: AWS's HttpResponseStream. */
const SEPARATOR: Buffer = Buffer.alloc(8);
const NOTHING: Buffer = Buffer.alloc(0);

export interface StreamStart {
  readonly prelude: ResponsePrelude;
  /** The first bytes of the body. */
  readonly rest: Buffer;
}

/**
 * Reads a stream up to its body: JSON with statusCode, headers and cookies, then eight NULs.
 * @returns undefined when the stream does not begin so
 */
export async function readPrelude(
  chunks: AsyncIterator<Buffer, void>,
): Promise<StreamStart | undefined> {
  const pieces = new Pieces();
  let bytes = 0;
  // What the separator may have begun in.
  let tail = NOTHING;
  while (bytes <= limits.STREAM_PRELUDE_BYTES_MAX) {
    const next = await chunks.next();
    if (next.done) return undefined;
    pieces.add(next.value);
    bytes += next.value.length;
    const fresh = Buffer.concat([tail, next.value]);
    tail = fresh.subarray(Math.max(0, fresh.length - SEPARATOR.length + 1));
    if (fresh.indexOf(SEPARATOR) < 0) continue;
    const read = pieces.joined();
    const end = read.indexOf(SEPARATOR);
    const prelude = parsedPrelude(read.subarray(0, end));
    return prelude && { prelude, rest: read.subarray(end + SEPARATOR.length) };
  }
  return undefined;
}

function parsedPrelude(json: Buffer): ResponsePrelude | undefined {
  try {
    const value: unknown = JSON.parse(json.toString());
    return isObject(value) ? preludeOf(value) : undefined;
  } catch {
    return undefined;
  }
}

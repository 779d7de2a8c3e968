import { limits, type Outcome } from "../model/mod.ts";
import { responseOutcome, responseTooLarge } from "./runtime-outcome.ts";

/** Where the bytes of one response go as a runtime writes them. */
export interface ByteSink {
  /** Called once, before any byte. */
  begin(contentType: string): void;
  /** Takes bytes; a promise when no more are wanted until it resolves. Never throws or rejects. */
  write(chunk: Buffer): Promise<void> | undefined;
}

/** What a runtime streams without naming its type. Source: AWS's streamifyResponse. */
const CONTENT_TYPE_DEFAULT = "application/octet-stream";

/**
 * One response that a runtime writes piece by piece: handed on to a sink, or collected where the
 * caller wants it whole. Either way it is bounded.
 */
export class StreamedResponse {
  readonly #sink: ByteSink | undefined;
  readonly #collected: Buffer[] = [];
  #bytes = 0;

  constructor(sink: ByteSink | undefined, contentType: string | undefined) {
    this.#sink = sink;
    sink?.begin(contentType ?? CONTENT_TYPE_DEFAULT);
  }

  /** False once the response has become too large: its call has then failed. */
  get fits(): boolean {
    const most = this.#sink ? limits.STREAM_RESPONSE_BYTES_MAX : limits.INVOKE_RESPONSE_BYTES_MAX;
    return this.#bytes <= most;
  }

  /** Takes the next piece; a promise when the sink wants no more until it resolves. */
  write(chunk: Buffer): Promise<void> | undefined {
    this.#bytes += chunk.length;
    if (!this.fits) return undefined;
    if (this.#sink !== undefined) return this.#sink.write(chunk);
    this.#collected.push(chunk);
    return undefined;
  }

  /** The outcome once the runtime has written all; without payload when it went to a sink. */
  end(): Outcome {
    if (!this.fits) return responseTooLarge();
    return responseOutcome(Buffer.concat(this.#collected));
  }
}

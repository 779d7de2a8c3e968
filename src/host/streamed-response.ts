import { Pieces } from "../base/mod.ts";
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
/** A type that can be sent on in a header, whatever else is in that. */
const CONTENT_TYPE = /^[\x20-\x7e]{1,256}$/;

/**
 * One response that a runtime writes piece by piece: handed on to a sink, or collected where the
 * caller wants it whole. Either way it is bounded.
 */
export class StreamedResponse {
  readonly #sink: ByteSink | undefined;
  readonly #collected = new Pieces();
  #bytes = 0;

  /** @param contentType what the runtime declares, if it does; hostile */
  constructor(sink: ByteSink | undefined, contentType: string | undefined) {
    this.#sink = sink;
    const isUsable = contentType !== undefined && CONTENT_TYPE.test(contentType);
    sink?.begin(isUsable ? contentType : CONTENT_TYPE_DEFAULT);
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
    this.#collected.add(chunk);
    return undefined;
  }

  /** The outcome once the runtime has written all; without payload when it went to a sink. */
  end(): Outcome {
    if (!this.fits) return responseTooLarge();
    return responseOutcome(this.#collected.joined());
  }
}

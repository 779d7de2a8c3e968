import { crc32 } from "node:zlib";

/**
 * Messages of AWS's event stream encoding: total length, length of the headers, a CRC-32 of both,
 * headers, payload, a CRC-32 of all. Made here with zlib's checksum: the SDK's encoder computes it
 * in JavaScript.
 * Source: https://smithy.io/2.0/aws/amazon-eventstream.html
 */

export const EVENT_STREAM_TYPE: string = "application/vnd.amazon.eventstream";

/** The kind of header values used here: text with a 16-bit length. */
const STRING = 7;
const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;

/** Makes the messages of one type of event. */
export function eventEncoder(eventType: string, contentType: string): (payload: Buffer) => Buffer {
  const headers = Buffer.concat([
    header(":event-type", eventType),
    header(":content-type", contentType),
    header(":message-type", "event"),
  ]);
  const frameBytes = PRELUDE_BYTES + headers.length + CHECKSUM_BYTES;
  return (payload) => {
    const message = Buffer.allocUnsafe(frameBytes + payload.length);
    const end = message.length - CHECKSUM_BYTES;
    message.writeUInt32BE(message.length, 0);
    message.writeUInt32BE(headers.length, 4);
    message.writeUInt32BE(crc32(message.subarray(0, 8)), 8);
    headers.copy(message, PRELUDE_BYTES);
    payload.copy(message, PRELUDE_BYTES + headers.length);
    message.writeUInt32BE(crc32(message.subarray(0, end)), end);
    return message;
  };
}

function header(name: string, value: string): Buffer {
  const valueBytes = Buffer.byteLength(value);
  return Buffer.concat([
    Buffer.of(name.length),
    Buffer.from(name, "latin1"),
    Buffer.of(STRING, valueBytes >> 8, valueBytes & 0xff),
    Buffer.from(value),
  ]);
}

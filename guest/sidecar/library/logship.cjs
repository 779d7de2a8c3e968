"use strict";
/**
 * Ships what a call logs: to a file of the owner (`file`), to an HTTP sink as JSON batches (`url`,
 * `headers`), or both; to the file `logship` unless told.
 */

/** A batch goes out when it is as large as this, and at the end of the call. */
const BATCH_BYTES = 256 * 1024;
const ATTEMPTS = 2;

const batches = new Map();

function start(_call, context) {
  batches.set(context, { lines: [], bytes: 0, sending: Promise.resolve() });
}

function log({ timestamp, source, message }, context) {
  const { requestId, functionName, version } = context.call;
  const batch = batches.get(context);
  const line = JSON.stringify({ timestamp, requestId, functionName, version, source, message });
  batch.lines.push(line);
  batch.bytes += Buffer.byteLength(line);
  if (batch.bytes >= BATCH_BYTES) send(batch, context);
}

async function end(_result, context) {
  const batch = batches.get(context);
  batches.delete(context);
  send(batch, context);
  await batch.sending;
}

function send(batch, context) {
  const { lines } = batch;
  if (lines.length === 0) return;
  batch.lines = [];
  batch.bytes = 0;
  const { url, file = url === undefined ? "logship" : undefined } = context.options;
  if (file !== undefined) context.append(file, `${lines.join("\n")}\n`);
  if (url !== undefined) batch.sending = batch.sending.then(() => post(lines, context));
}

async function post(lines, context) {
  const { url, headers } = context.options;
  const body = `[${lines.join(",")}]`;
  for (let attempt = 1; ; attempt++) {
    const problem = await postOnce(url, headers, body, context);
    if (problem === undefined) return;
    if (attempt < ATTEMPTS) continue;
    context.warn(`${lines.length} lines were not taken by ${new URL(url).origin}: ${problem}`);
    return;
  }
}

/** What went wrong; undefined when the sink took it. */
async function postOnce(url, headers, body, context) {
  try {
    const request = { headers: { "content-type": "application/json", ...headers }, body };
    const status = await context.deliver(url, request);
    return status >= 200 && status < 300 ? undefined : `status ${status}`;
  } catch (error) {
    return error.message;
  }
}

module.exports = { start, log, end };

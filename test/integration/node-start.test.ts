import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { LambdaClient } from "@aws-sdk/client-lambda";
import { call, deploy, handlerFile } from "../support/functions.ts";
import { startHearth, type TestHearth } from "../support/hearth.ts";

let hearth: TestHearth;
let lambda: LambdaClient;

before(async () => {
  hearth = await startHearth();
  lambda = hearth.lambda();
});
after(() => hearth[Symbol.asyncDispose]());

/** What a function answers that was started with NODE_OPTIONS and holds two modules to preload. */
async function answerWith(name: string, options: string): Promise<unknown> {
  await deploy(lambda, {
    name,
    files: {
      ...handlerFile("return [globalThis.loaded, process.env.NODE_OPTIONS, process.title];"),
      "first.cjs": "globalThis.loaded = ['first'];",
      "second.mjs": "globalThis.loaded = [...(globalThis.loaded ?? []), 'second'];",
      "node_modules/third/index.js": "globalThis.loaded = [...globalThis.loaded, 'third'];",
    },
    more: { Environment: { Variables: { NODE_OPTIONS: options } } },
  });
  return (await call(lambda, name)).value;
}

test("CALL-1: NODE_OPTIONS may load modules of the function's own code before the handler", async () => {
  const options = "--require ./first.cjs --title=mine --import=/var/task/second.mjs -r third";
  assert.deepEqual(await answerWith("preloads", options), [
    ["first", "second", "third"],
    options,
    "mine",
  ]);
});

test("CALL-1: a module that NODE_OPTIONS names and that is missing fails the call", async () => {
  const answer = (await answerWith("preload-missing", "-r ./none.cjs")) as { errorMessage: string };
  assert.match(answer.errorMessage, /Cannot find module '.\/none.cjs'/);
});

test("ISO-4: code that makes much garbage and keeps little runs in 128 MB", async () => {
  await deploy(lambda, {
    name: "garbage",
    files: handlerFile(`
      let seen = 0;
      for (let round = 0; round < 80; round++) {
        const items = [];
        for (let n = 0; n < 20000; n++) items.push({ n, text: "x" + n, list: [n] });
        seen += JSON.parse(JSON.stringify(items)).length;
      }
      return seen;`),
    more: { Timeout: 60 },
  });
  assert.equal((await call(lambda, "garbage")).value, 1_600_000);
});

test("ISO-4: buffers of a call that has ended take no memory from the next", async () => {
  await deploy(lambda, {
    name: "buffers",
    files: handlerFile(`
      const bytes = Buffer.alloc(70 << 20, 1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      return bytes.length;`),
    more: { Timeout: 60 },
  });
  for (let n = 0; n < 6; n++) assert.equal((await call(lambda, "buffers")).value, 70 << 20);
});

test("CALL-1: a runtime's end is told as on Lambda: by signal, or by the status it chose", async () => {
  await deploy(lambda, { name: "ends", files: handlerFile("process[event.how](event.with);") });
  const endOf = async (event: unknown): Promise<string> =>
    (await call(lambda, "ends", event)).value.errorMessage;
  assert.match(await endOf({ how: "abort" }), /signal: aborted$/);
  assert.match(await endOf({ how: "exit", with: 129 }), /exit status 129$/);
  assert.match(await endOf({ how: "exit", with: 7 }), /exit status 7$/);
});

test("CALL-2: start variables that keep Node from starting are the function's own failure", async () => {
  await deploy(lambda, {
    name: "refused",
    files: handlerFile("return 1;"),
    more: { Environment: { Variables: { NODE_OPTIONS: "--nonsense" } } },
  });
  const { functionError, value, log } = await call(lambda, "refused");
  assert.equal(functionError, "Unhandled");
  assert.equal(value.errorType, "Runtime.ExitError");
  assert.match(log, /--nonsense is not allowed in NODE_OPTIONS/);
});

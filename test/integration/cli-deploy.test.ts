import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { type Ended, HearthServer, runHearth } from "../support/hearth-process.ts";
import { zipFiles } from "../support/zip.ts";

/** What `hearth deploy`, `layer` and `url` make of folders, against one server. */
let work: string;
let data: string;
let server: HearthServer;

before(async () => {
  work = await mkdtemp(join(tmpdir(), "hearth-cli-deploy-"));
  data = join(work, "data");
  server = await HearthServer.start(["--port", "0", "--data", data, "--warm", "nodejs24.x=1"]);
});

after(async () => {
  await server?.[Symbol.asyncDispose]();
  await rm(work, { recursive: true, force: true });
});

async function hearth(words: string[], code: number): Promise<Ended> {
  const ended = await runHearth(words, { environment: { HEARTH_DATA: data } });
  assert.equal(ended.code, code, `${words.join(" ")}: ${ended.stdout}${ended.stderr}`);
  return ended;
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever a command printed
async function json(...words: string[]): Promise<any> {
  return JSON.parse((await hearth([...words, "--json"], 0)).stdout);
}

/** A folder with files; its path. */
async function folder(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  for (const [path, text] of Object.entries(files)) {
    const file = join(work, name, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  return join(work, name);
}

const VERSION = "export const handler = async () => process.env.AWS_LAMBDA_FUNCTION_VERSION;\n";
const greeter = (word: string): string => `exports.greet = () => "${word}";\n`;

test("deploy --layer: a folder is published when its content changed, else reused", async () => {
  const layer = await folder("words", { "nodejs/node_modules/words/index.js": greeter("one") });
  const code = await folder("layered", {
    "index.cjs": 'exports.handler = async () => require("words").greet();\n',
  });
  const first = await hearth(["deploy", code, "--layer", layer], 0);
  assert.match(first.stderr, /Layer words: published version 1\nCreated layered: nodejs24\.x/);
  assert.equal((await hearth(["invoke", "layered"], 0)).stdout, '"one"\n');
  const second = await hearth(["deploy", code, "--layer", layer], 0);
  assert.match(second.stderr, /Layer words: unchanged since version 1\nUnchanged layered:/);
  await folder("words", { "nodejs/node_modules/words/index.js": greeter("two") });
  const third = await json("deploy", code, "--layer", layer);
  assert.deepEqual([third.changed, third.layers.length], [["settings"], 1]);
  assert.match(third.layers[0], /^arn:aws:lambda:us-east-1:\d{12}:layer:words:2$/);
  assert.equal((await hearth(["invoke", "layered"], 0)).stdout, '"two"\n');
  const byArn = await json("deploy", code, "--layer", third.layers[0].replace(/2$/, "1"));
  assert.deepEqual(byArn.changed, ["settings"]);
  assert.equal((await hearth(["invoke", "layered"], 0)).stdout, '"one"\n');
});

test("deploy: twice the same changes nothing, and says so", async () => {
  const code = await folder("same", { "index.mjs": VERSION });
  const words = ["deploy", code, "--env", "STAGE=dev", "--memory", "256", "--json-logs"];
  assert.deepEqual((await json(...words)).changed, ["code", "settings"]);
  assert.deepEqual((await json(...words)).changed, []);
  assert.deepEqual((await json(...words, "--env", "STAGE=test")).changed, ["settings"]);
  await folder("same", { "index.mjs": `${VERSION}// changed\n` });
  assert.deepEqual((await json("deploy", code)).changed, ["code"]);
  await hearth(["invoke", "same"], 0);
  const { lines } = await json("logs", "same");
  assert.equal(JSON.parse(lines.at(-1)).type, "platform.report");
});

test("deploy --alias --provisioned: a version, ready environments, the alias moved", async () => {
  const code = await folder("released", { "index.mjs": VERSION });
  const words = ["deploy", code, "--alias", "live", "--provisioned", "1"];
  const first = await hearth(words, 0);
  assert.match(first.stderr, /Alias live is version 1\n(Provisioned: 0 of 1 ready\n)?/);
  assert.match(first.stderr, /Provisioned: 1 of 1 ready\n/);
  const called = await json("invoke", "released", "--qualifier", "live");
  assert.deepEqual([called.payload, called.executedVersion], ["1", "1"]);
  assert.deepEqual((await json(...words)).alias.version, "1");
  await folder("released", { "index.mjs": `${VERSION}// changed\n` });
  const second = await json(...words);
  assert.deepEqual([second.alias.version, second.provisioned], ["2", 1]);
  assert.match(second.alias.arn, /:function:released:live$/);
  assert.equal((await hearth(["invoke", "released:live"], 0)).stdout, '"2"\n');
  assert.equal(
    (await json("deploy", code, "--alias", "live", "--provisioned", "0")).provisioned,
    0,
  );
  assert.match(
    (await hearth(["deploy", code, "--provisioned", "1"], 2)).stderr,
    /add --alias NAME/,
  );
});

/** The path form of a function URL, for clients that cannot resolve names below localhost. */
async function callUrl(url: string): Promise<Response> {
  const { port, hostname } = new URL(url);
  const id = hostname.split(".", 1)[0];
  return await fetch(`http://127.0.0.1:${port}/_url/${id}/`);
}

test("deploy --url: open to everybody or to signed calls, of the function or its alias", async () => {
  const code = await folder("site", { "index.mjs": 'export const handler = async () => "hi";\n' });
  const opened = await hearth(["deploy", code, "--url=none"], 0);
  const [arn, url = ""] = opened.stdout.split("\n");
  assert.match(arn ?? "", /:function:site$/);
  assert.equal(await (await callUrl(url)).text(), "hi");
  const closed = await hearth(["deploy", code, "--url"], 0);
  assert.match(closed.stderr, /takes signed calls; --url=none opens it/);
  assert.equal((await callUrl(url)).status, 403);
  const ofAlias = await json("deploy", code, "--alias", "live", "--url=none", "--stream");
  assert.deepEqual([ofAlias.url.access, ofAlias.url.stream], ["none", true]);
  assert.notEqual(ofAlias.url.url, url);
  assert.equal(await (await callUrl(ofAlias.url.url)).text(), '"hi"');
  assert.match(
    (await hearth(["deploy", code, "--url=all"], 2)).stderr,
    /--url must be iam or none/,
  );
  assert.match((await hearth(["deploy", code, "--stream"], 2)).stderr, /add --url/);
});

test("hearth.json: settings beside the code; flags win; it is no part of the function", async () => {
  await folder("shared", { "nodejs/node_modules/words/index.js": greeter("three") });
  const settings = {
    ...{ name: "configured", memory: 192, env: { STAGE: "dev" }, layers: ["../shared"] },
    ...{ alias: "live", jsonLogs: true, url: "none", handler: "index.handler" },
  };
  const code = await folder("project", {
    "index.cjs": `exports.handler = async () => [
      require("words").greet(), process.env.STAGE, require("node:fs").readdirSync(".").join()];\n`,
    "hearth.json": JSON.stringify(settings),
  });
  const deployed = await json("deploy", code, "--memory", "256");
  assert.deepEqual([deployed.name, deployed.alias.name], ["configured", "live"]);
  assert.equal(await (await callUrl(deployed.url.url)).text(), '["three","dev","index.cjs"]');
  assert.match((await hearth(["ls"], 0)).stdout, /configured .* 256 MB/);
  assert.deepEqual((await json("deploy", code, "--memory", "256")).changed, []);
});

test("hearth.json: errors name the file and the field", async () => {
  const refuse = async (text: string, expected: RegExp): Promise<void> => {
    const code = await folder("refused", { "index.mjs": VERSION, "hearth.json": text });
    assert.match((await hearth(["deploy", code], 1)).stderr, expected);
  };
  await refuse("{", /refused\/hearth\.json is not JSON: /);
  await refuse("[]", /refused\/hearth\.json must be a JSON object/);
  await refuse('{"memroy": 1}', /there is no setting memroy\nDid you mean memory\?/);
  await refuse('{"zzzzzzz": 1}', /there is no setting zzzzzzz\nKnown are name, runtime, /);
  await refuse('{"memory": "1 GB"}', /memory must be a whole number from 128 to 10240, got "1 GB"/);
  await refuse('{"runtime": "node"}', /runtime must be a runtime that `hearth runtime ls` lists/);
  await refuse('{"env": {"A": 1}}', /env must be an object of texts, got \{"A":1\}/);
  await refuse('{"layers": "x"}', /layers must be a list of folders, zips and ARNs/);
  await refuse('{"url": true}', /url must be "iam" or "none", got true/);
  await refuse('{"layers": ["./nowhere"]}', /Cannot read .*refused\/nowhere: ENOENT/);
});

test("layer: published, listed, reused when equal, removed", async () => {
  const content = await folder("tools", { "bin/tool": "one" });
  const words = ["layer", "publish", content, "--runtime", "nodejs24.x", "--description", "first"];
  const published = await hearth(words, 0);
  assert.match(published.stdout, /^arn:aws:lambda:us-east-1:\d{12}:layer:tools:1\n$/);
  assert.equal((await json(...words)).created, false);
  await folder("tools", { "bin/tool": "two" });
  assert.deepEqual((await json("layer", "publish", content)).version, 2);
  const all = await hearth(["layer", "ls", "tools"], 0);
  assert.match(all.stdout, /^NAME +VERSION .*\ntools +2 .*\ntools +1 +nodejs24\.x .*:tools:1\n$/);
  const newest = (await json("layer", "ls")).filter(({ LayerName = "" }) => LayerName === "tools");
  assert.deepEqual(
    newest.map(({ Version = 0 }) => Version),
    [2],
  );
  const zip = join(work, "packed.zip");
  const bytes = Buffer.from("packed");
  await writeFile(zip, await zipFiles([{ path: "bin/packed", bytes, mode: 0o100755 }]));
  assert.match((await hearth(["layer", "publish", zip], 0)).stdout, /:layer:packed:1\n$/);
  assert.equal((await json("layer", "publish", zip)).created, false);
  assert.match((await hearth(["layer", "rm", "tools:1"], 0)).stderr, /Deleted tools:1/);
  assert.match((await hearth(["layer", "rm", "tools"], 2)).stderr, /Which version of tools\?/);
  assert.deepEqual(await json("layer", "rm", "tools", "--all"), { deleted: ["tools:2"] });
  const missing = await hearth(["layer", "rm", "tools:1"], 1);
  assert.match(missing.stderr, /There is no layer tools:1\n`hearth layer ls` lists them/);
  assert.match(
    (await hearth(["layer", "publish", join(work, "no.zip")], 1)).stderr,
    /no\.zip: ENOENT/,
  );
});

test("url: created for a function and an alias, shown, changed, removed", async () => {
  const code = await folder("pages", { "index.mjs": 'export const handler = async () => "hi";\n' });
  await hearth(["deploy", code, "--alias", "live"], 0);
  assert.match(
    (await hearth(["url", "pages"], 1)).stderr,
    /no URL\nGive it one: hearth url create/,
  );
  const created = await hearth(["url", "create", "pages:live", "--access", "none", "--stream"], 0);
  const shown = await hearth(["url", "pages"], 0);
  assert.equal(shown.stdout, created.stdout);
  assert.match(shown.stderr, /pages:live: for everybody, streams/);
  assert.equal(await (await callUrl(created.stdout)).text(), '"hi"');
  const changed = await hearth(["url", "create", "pages:live"], 0);
  assert.equal(changed.stdout, created.stdout);
  assert.equal((await callUrl(created.stdout)).status, 403);
  assert.equal((await json("url", "create", "pages")).access, "iam");
  assert.equal((await json("url", "pages")).length, 2);
  assert.equal((await json("url", "pages:live")).length, 1);
  assert.deepEqual(await json("url", "rm", "pages:live"), { deleted: "pages:live" });
  assert.match((await hearth(["url", "rm", "pages:live"], 1)).stderr, /pages:live has no URL/);
  assert.match((await hearth(["url", "create", "nothing"], 1)).stderr, /`hearth ls` lists/);
});

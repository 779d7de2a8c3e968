import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import {
  AddLayerVersionPermissionCommand,
  CreateFunctionCommand,
  DeleteFunctionCommand,
  DeleteLayerVersionCommand,
  GetAccountSettingsCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  GetLayerVersionByArnCommand,
  GetLayerVersionCommand,
  GetLayerVersionPolicyCommand,
  InvalidParameterValueException,
  type LambdaClient,
  ListLayersCommand,
  PublishLayerVersionCommand,
  type PublishLayerVersionCommandInput,
  paginateListLayers,
  paginateListLayerVersions,
  RemoveLayerVersionPermissionCommand,
  ResourceNotFoundException,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import { call, deploy, handlerFile, ROLE } from "../support/functions.ts";
import { startHearth, type TestHearth, zipOf } from "../support/hearth.ts";

/** Layers through the AWS SDK for JavaScript and the AWS CLI, unchanged, against a live server. */

const hearth = await startHearth({ flags: { warm: "nodejs24.x=1,python3.11=1" } });
const lambda = hearth.lambda();
const bob = await hearth.createOwner("bob");
const bobs = hearth.lambda(bob);

after(async () => {
  lambda.destroy();
  bobs.destroy();
  await hearth[Symbol.asyncDispose]();
});

type Files = Readonly<Record<string, string>>;

async function publish(
  client: LambdaClient,
  LayerName: string,
  files: Files,
  more: Partial<PublishLayerVersionCommandInput> = {},
) {
  const Content = { ZipFile: await zipOf(files) };
  return await client.send(new PublishLayerVersionCommand({ LayerName, Content, ...more }));
}

/** Where a function finds its layers; not at /opt where nothing isolates it. */
const OPT = "(process.env.HEARTH_OPT_ROOT ?? '/opt')";

const GREETER = {
  "nodejs/node_modules/greeter/index.js": "exports.greet = (name) => 'hello ' + name;",
  "data/motto.txt": "carpe diem",
};

test("LAYER-1: a Node function imports a module and reads a file of its layer", async () => {
  const layer = await publish(lambda, "greeter", GREETER, {
    CompatibleRuntimes: ["nodejs24.x"],
    LicenseInfo: "MIT",
    Description: "greets",
  });
  assert.equal(layer.LayerArn, `arn:aws:lambda:${hearth.region}:${hearth.owner}:layer:greeter`);
  assert.equal(layer.LayerVersionArn, `${layer.LayerArn}:1`);
  const Layers = [layer.LayerVersionArn ?? ""];
  const files = handlerFile(
    "const { greet } = require('greeter');" +
      `return [greet(event.name), require('node:fs').readFileSync(${OPT} + '/data/motto.txt', 'utf8')];`,
  );
  await deploy(lambda, { name: "uses-layer", files, more: { Layers } });
  assert.deepEqual((await call(lambda, "uses-layer", { name: "Ada" })).value, [
    "hello Ada",
    "carpe diem",
  ]);
  const shown = [{ Arn: layer.LayerVersionArn, CodeSize: layer.Content?.CodeSize }];
  const got = await lambda.send(new GetFunctionCommand({ FunctionName: "uses-layer" }));
  assert.deepEqual(got.Configuration?.Layers, shown);
  const { Layers: configured } = await lambda.send(
    new GetFunctionConfigurationCommand({ FunctionName: "uses-layer" }),
  );
  assert.deepEqual(configured, shown);
});

test("LAYER-1: ES modules import packages of a layer, those of their Node's version first", async () => {
  const esm = (text: string): string => `export const from = "${text}";`;
  const manifest = '{"name":"which","type":"module","exports":"./index.js"}';
  const layer = await publish(lambda, "esm", {
    "nodejs/node_modules/which/package.json": manifest,
    "nodejs/node_modules/which/index.js": esm("all"),
    "nodejs/node24/node_modules/which/package.json": manifest,
    "nodejs/node24/node_modules/which/index.js": esm("24"),
    "nodejs/node_modules/other/package.json": manifest.replace("which", "other"),
    "nodejs/node_modules/other/index.js": "export * from 'which';",
  });
  const files = {
    "index.mjs":
      "import { from } from 'which';\n" +
      "export const handler = async () => [from, (await import('other')).from," +
      " await import('absent').catch((error) => error.code)];",
  };
  const Layers = [layer.LayerVersionArn ?? ""];
  await deploy(lambda, { name: "esm-layer", files, more: { Layers } });
  assert.deepEqual((await call(lambda, "esm-layer")).value, ["24", "all", "ERR_MODULE_NOT_FOUND"]);
});

test("LAYER-1: a Python function imports from both places and finds programs and libraries", async () => {
  const layer = await publish(lambda, "py", {
    "python/plain.py": "WHERE = 'python'\n",
    "python/lib/python3.11/site-packages/installed.py": "WHERE = 'site-packages'\n",
    "bin/tool*": "#!/bin/sh\necho from the layer\n",
    "lib/libnothing.so": "",
  });
  const files = {
    "app.py":
      "import installed, plain, subprocess, os\n" +
      "def handler(event, context):\n" +
      "  out = subprocess.run(['tool'], capture_output=True, text=True).stdout.strip()\n" +
      "  root = os.environ.get('HEARTH_OPT_ROOT', '/opt')\n" +
      "  libraries = os.environ['LD_LIBRARY_PATH'].split(':')\n" +
      "  return [plain.WHERE, installed.WHERE, out, root + '/lib' in libraries]\n",
  };
  await deploy(lambda, {
    ...{ name: "py-layer", files, runtime: "python3.11", handler: "app.handler" },
    more: { Layers: [layer.LayerVersionArn ?? ""] },
  });
  const answer = await call(lambda, "py-layer");
  assert.deepEqual(answer.value, ["python", "site-packages", "from the layer", true]);
});

test("LAYER-1: a custom runtime's bootstrap may come from a layer", async () => {
  const layer = await publish(lambda, "custom-runtime", {
    "bootstrap*": `#!/bin/bash
while true; do
  headers="$(mktemp)"
  event=$(curl -sS -LD "$headers" "http://\${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/next")
  id=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$headers" | tr -d '[:space:]' | cut -d: -f2)
  curl -sS "http://\${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/$id/response" -d "{\\"task\\":$(cat answer.json)}" > /dev/null
done
`,
  });
  await deploy(lambda, {
    ...{ name: "layered-runtime", runtime: "provided.al2023", handler: "none" },
    files: { "answer.json": "42" },
    more: { Layers: [layer.LayerVersionArn ?? ""] },
  });
  assert.deepEqual((await call(lambda, "layered-runtime")).value, { task: 42 });
});

test("LAYER-1: later layers lie over earlier ones, and an update takes effect", async () => {
  const one = await publish(lambda, "over-1", { "who.txt": "1", "only-1.txt": "1", "x/y": "1" });
  const two = await publish(lambda, "over-2", { "who.txt": "2", "only-2.txt": "2", x: "2" });
  const [first = "", second = ""] = [one.LayerVersionArn, two.LayerVersionArn];
  const files = handlerFile(
    `const fs = require('node:fs'); return [fs.readdirSync(${OPT}, { recursive: true }).sort(), ` +
      `fs.readFileSync(${OPT} + '/who.txt', 'utf8')];`,
  );
  const FunctionName = "override";
  await deploy(lambda, { name: FunctionName, files, more: { Layers: [first, second] } });
  const all = ["only-1.txt", "only-2.txt", "who.txt", "x"];
  assert.deepEqual((await call(lambda, FunctionName)).value, [all, "2"]);
  await lambda.send(
    new UpdateFunctionConfigurationCommand({ FunctionName, Layers: [second, first] }),
  );
  assert.deepEqual((await call(lambda, FunctionName)).value, [[...all, "x/y"], "1"]);
  await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Layers: [] }));
  const { value } = await call(lambda, FunctionName);
  assert.equal(value.errorType, "Error", "nothing is left of them");
  const got = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  assert.equal(got.Layers, undefined);
});

test("LAYER-4: two functions share the files of a layer on disk", async (t) => {
  const layer = await publish(lambda, "shared", { "shared.txt": "one inode" });
  const more = { Layers: [layer.LayerVersionArn ?? ""] };
  const files = handlerFile(`return require('node:fs').statSync(${OPT} + '/shared.txt').ino;`);
  await deploy(lambda, { name: "sharer-1", files, more });
  await deploy(lambda, { name: "sharer-2", files, more });
  const inodes = [await call(lambda, "sharer-1"), await call(lambda, "sharer-2")];
  assert.equal(inodes[0]?.value, inodes[1]?.value);
  const cached = await findFile(join(hearth.dataDirectory, "cache"), "shared.txt");
  const { ino, nlink } = await stat(cached);
  assert.equal(ino, inodes[0]?.value);
  assert.ok(nlink >= 3, "the cache and two environments");
  t.diagnostic(`${nlink} links to one file`);
});

async function findFile(directory: string, name: string): Promise<string> {
  for (const entry of await readdir(directory, { recursive: true })) {
    if (entry.endsWith(`/${name}`)) return join(directory, entry);
  }
  throw new Error(`No ${name} in ${directory}`);
}

test("LAYER-3: another owner uses a layer only as long as its policy lets him", async () => {
  const layer = await publish(lambda, "lent", { "lent.txt": "lent" });
  const arn = layer.LayerVersionArn ?? "";
  const files = handlerFile(
    `return require('node:fs').readFileSync(${OPT} + '/lent.txt', 'utf8');`,
  );
  const more = { Layers: [arn] };
  const wanted = { name: "borrower", files, more };
  const refusal = {
    name: "AccessDeniedException",
    message:
      `User: arn:aws:iam::${bob.owner}:root is not authorized to perform: lambda:GetLayerVersion ` +
      `on resource: ${arn} because no resource-based policy allows the lambda:GetLayerVersion action`,
  };
  await assert.rejects(deploy(bobs, wanted), refusal);
  await assert.rejects(bobs.send(new GetLayerVersionByArnCommand({ Arn: arn })), refusal);

  const named = { LayerName: "lent", VersionNumber: 1 };
  const allow = { ...named, Action: "lambda:GetLayerVersion" };
  const organisation = { StatementId: "org", Principal: "*", OrganizationId: "o-0123456789" };
  await lambda.send(new AddLayerVersionPermissionCommand({ ...allow, ...organisation }));
  await assert.rejects(deploy(bobs, wanted), refusal, "nobody is in an organisation here");
  const added = await lambda.send(
    new AddLayerVersionPermissionCommand({ ...allow, StatementId: "bob", Principal: bob.owner }),
  );
  assert.deepEqual(JSON.parse(added.Statement ?? ""), {
    Sid: "bob",
    Effect: "Allow",
    Principal: { AWS: `arn:aws:iam::${bob.owner}:root` },
    Action: "lambda:GetLayerVersion",
    Resource: arn,
  });
  await deploy(bobs, wanted);
  assert.equal((await call(bobs, "borrower")).value, "lent");
  const shown = await bobs.send(new GetLayerVersionByArnCommand({ Arn: arn }));
  const content = await fetch(shown.Content?.Location ?? "");
  assert.ok(Buffer.from(await content.arrayBuffer()).equals(await zipOf({ "lent.txt": "lent" })));

  await lambda.send(new RemoveLayerVersionPermissionCommand({ ...named, StatementId: "bob" }));
  const { value } = await call(bobs, "borrower");
  assert.equal(value, "lent", "what he has he keeps");
  await assert.rejects(deploy(bobs, { ...wanted, name: "borrower-2" }), refusal);
  for (const command of [
    new DeleteLayerVersionCommand({ LayerName: `${layer.LayerArn}`, VersionNumber: 1 }),
    new GetLayerVersionPolicyCommand({ LayerName: `${layer.LayerArn}`, VersionNumber: 1 }),
  ]) {
    await assert.rejects((bobs.send as (c: unknown) => Promise<unknown>).call(bobs, command), {
      name: "AccessDeniedException",
    });
  }
  assert.deepEqual((await bobs.send(new ListLayersCommand({}))).Layers, []);
});

test("layers: versions, filters, pages and policies", async () => {
  const LayerName = "many";
  for (const CompatibleRuntimes of [["nodejs24.x"], ["python3.11"], ["nodejs24.x", "java21"]]) {
    await publish(lambda, LayerName, { "f.txt": String(CompatibleRuntimes) }, {
      CompatibleRuntimes,
      CompatibleArchitectures: ["x86_64"],
    } as Partial<PublishLayerVersionCommandInput>);
  }
  const versions: number[] = [];
  for await (const page of paginateListLayerVersions(
    { client: lambda, pageSize: 1 },
    { LayerName, CompatibleRuntime: "nodejs24.x", CompatibleArchitecture: "x86_64" },
  )) {
    for (const { Version } of page.LayerVersions ?? []) versions.push(Version ?? 0);
  }
  assert.deepEqual(versions, [3, 1]);
  await lambda.send(new DeleteLayerVersionCommand({ LayerName, VersionNumber: 3 }));
  const again = await publish(lambda, LayerName, { "f.txt": "again" });
  assert.equal(again.Version, 4, "no number is given twice");
  const layers: [string, number][] = [];
  for await (const page of paginateListLayers(
    { client: lambda, pageSize: 2 },
    { CompatibleRuntime: "nodejs24.x" },
  )) {
    for (const { LayerName: name = "", LatestMatchingVersion: latest } of page.Layers ?? []) {
      layers.push([name, latest?.Version ?? 0]);
    }
  }
  assert.deepEqual(layers, [
    ["greeter", 1],
    [LayerName, 1],
  ]);
  const version1 = { LayerName, VersionNumber: 1 };
  await assert.rejects(
    lambda.send(new GetLayerVersionPolicyCommand(version1)),
    ResourceNotFoundException,
  );
  const permission = { ...version1, Action: "lambda:GetLayerVersion", Principal: "*" };
  const { RevisionId } = await lambda.send(
    new AddLayerVersionPermissionCommand({ ...permission, StatementId: "all" }),
  );
  await assert.rejects(
    lambda.send(
      new AddLayerVersionPermissionCommand({ ...permission, StatementId: "2", RevisionId: "no" }),
    ),
    { name: "PreconditionFailedException" },
  );
  const policy = await lambda.send(new GetLayerVersionPolicyCommand(version1));
  assert.equal(policy.RevisionId, RevisionId);
  assert.equal(JSON.parse(policy.Policy ?? "").Statement[0].Principal, "*");
});

test("layers: the limits on number, versions and size hold for functions", async () => {
  const versions = [];
  for (const n of [1, 2]) versions.push(await publish(lambda, "twice", { f: String(n) }));
  const arns = versions.map(({ LayerVersionArn }) => LayerVersionArn ?? "");
  const [first = "", second = ""] = arns;
  const files = handlerFile("return 1;");
  const create = async (Layers: string[]): Promise<unknown> =>
    lambda.send(
      new CreateFunctionCommand({
        ...{ FunctionName: "limited", Runtime: "nodejs24.x", Handler: "index.handler", Role: ROLE },
        Code: { ZipFile: await zipOf(files) },
        Layers,
      }),
    );
  const invalid = (message: string) => ({ name: "InvalidParameterValueException", message });
  await assert.rejects(
    create([first, second]),
    invalid(
      "Two different versions of the same layer are not allowed to be referenced in the same " +
        `function. ${first} and ${second} are versions of the same layer.`,
    ),
  );
  await assert.rejects(
    create(Array.from({ length: 6 }, (_, n) => first.replace("twice", `l${n}`))),
    invalid("Cannot reference more than 5 layers."),
  );
  const absent = first.replace(":1", ":9").replace("twice:1", "twice:9");
  await assert.rejects(create([absent]), invalid(`Layer version ${absent} does not exist.`));
  await assert.rejects(create([first.slice(0, -2)]), { name: "ValidationException" });

  const big = (bytes: number): Files => ({ zeros: "0".repeat(bytes) });
  const half = 130_000_000;
  const large = await publish(lambda, "large", big(half));
  await create([large.LayerVersionArn ?? ""]);
  const other = await publish(lambda, "large-too", big(half + 5_000_000));
  const both = [large.LayerVersionArn ?? "", other.LayerVersionArn ?? ""];
  await assert.rejects(
    lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName: "limited", Layers: both })),
    (error: unknown) => {
      assert.ok(error instanceof InvalidParameterValueException);
      assert.match(
        error.message,
        /^Function code combined with layers exceeds the maximum allowed size of 262144000 bytes\. The actual size is 265\d{6} bytes\.$/,
      );
      return true;
    },
  );
});

test("layers: count in the account's code size", async () => {
  const used = async (): Promise<number> =>
    (await lambda.send(new GetAccountSettingsCommand({}))).AccountUsage?.TotalCodeSize ?? 0;
  const before = await used();
  const layer = await publish(lambda, "weighed", { "f.txt": "content" });
  assert.equal((await used()) - before, layer.Content?.CodeSize);
  await lambda.send(new DeleteLayerVersionCommand({ LayerName: "weighed", VersionNumber: 1 }));
  assert.equal(await used(), before);
});

test("LAYER-2: a deleted version stays with the functions that have it, also after a restart", async () => {
  const dataDirectory = await mkdtemp(join(tmpdir(), "hearth-layers-"));
  try {
    {
      await using first = await startHearth({ dataDirectory });
      const client = first.lambda();
      const layer = await publish(client, "passing", { "f.txt": "still here" });
      const files = handlerFile(
        `return require('node:fs').readFileSync(${OPT} + '/f.txt', 'utf8');`,
      );
      await deploy(client, {
        ...{ name: "keeper", files },
        more: { Layers: [layer.LayerVersionArn ?? ""] },
      });
      await client.send(new DeleteLayerVersionCommand({ LayerName: "passing", VersionNumber: 1 }));
      await assert.rejects(
        client.send(new GetLayerVersionCommand({ LayerName: "passing", VersionNumber: 1 })),
        ResourceNotFoundException,
      );
      assert.equal((await call(client, "keeper")).value, "still here");
      client.destroy();
    }
    await rm(join(dataDirectory, "cache"), { recursive: true, force: true });
    await using second = await startHearth({ dataDirectory });
    const client = second.lambda();
    assert.equal((await call(client, "keeper")).value, "still here");
    await client.send(new DeleteFunctionCommand({ FunctionName: "keeper" }));
    client.destroy();
  } finally {
    await rm(dataDirectory, { recursive: true, force: true });
  }
});

const AWS = "/usr/bin/aws";
const run = promisify(execFile);

function cliOf(server: TestHearth, home: string) {
  const env = {
    PATH: "/usr/bin:/bin",
    HOME: home,
    LC_ALL: "C.UTF-8",
    AWS_ACCESS_KEY_ID: server.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: server.credentials.secretAccessKey,
    AWS_DEFAULT_REGION: server.region,
    AWS_PAGER: "",
  };
  return async (...words: string[]) => {
    const options = ["--endpoint-url", server.url, "--output", "json"];
    const { stdout } = await run(AWS, ["lambda", ...words, ...options], { env, cwd: home });
    return stdout === "" ? undefined : JSON.parse(stdout);
  };
}

test("layers: the AWS CLI publishes, shows, shares and deletes", {
  skip: existsSync(AWS) ? false : `${AWS} is not installed`,
}, async (t) => {
  const home = await mkdtemp(join(tmpdir(), "hearth-cli-"));
  t.after(() => rm(home, { recursive: true }));
  const aws = cliOf(hearth, home);
  await writeFile(join(home, "layer.zip"), await zipOf({ "f.txt": "cli" }));
  const named = ["--layer-name", "by-cli"];
  const published = await aws(
    ...["publish-layer-version", ...named, "--zip-file", "fileb://layer.zip"],
    ...["--compatible-runtimes", "python3.11", "--license-info", "MIT"],
  );
  assert.deepEqual([published.Version, published.LicenseInfo], [1, "MIT"]);
  const version = [...named, "--version-number", "1"];
  const got = await aws("get-layer-version", ...version);
  assert.equal(got.Content.CodeSha256, published.Content.CodeSha256);
  const byArn = await aws("get-layer-version-by-arn", "--arn", published.LayerVersionArn);
  assert.equal(byArn.Version, 1);
  const added = await aws(
    ...["add-layer-version-permission", ...version, "--statement-id", "xaccount"],
    ...["--action", "lambda:GetLayerVersion", "--principal", bob.owner],
  );
  assert.equal(JSON.parse(added.Statement).Sid, "xaccount");
  const policy = await aws("get-layer-version-policy", ...version);
  assert.equal(JSON.parse(policy.Policy).Statement.length, 1);
  await aws("remove-layer-version-permission", ...version, "--statement-id", "xaccount");
  const list = await aws("list-layer-versions", ...named, "--query", "LayerVersions[].Version");
  assert.deepEqual(list, [1]);
  await aws("delete-layer-version", ...version);
  const layers = await aws("list-layers", "--query", "Layers[?LayerName=='by-cli']");
  assert.deepEqual(layers, []);
});

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import {
  CreateFunctionCommand,
  InvokeCommand,
  InvokeWithResponseStreamCommand,
  type LambdaClient,
  PublishLayerVersionCommand,
  waitUntilFunctionActiveV2,
} from "@aws-sdk/client-lambda";
import {
  type FixtureRecipe,
  fixtureOrSkip,
  isProgram,
  zipOfDirectory,
} from "../support/fixtures.ts";
import { call, ROLE } from "../support/functions.ts";
import { startHearth } from "../support/hearth.ts";
import { zipFiles } from "../support/zip.ts";

/**
 * The runtime clients that AWS publishes, as bootstraps of custom runtimes, unchanged. Each is
 * fetched and built with its language's own tools where they are present.
 */

const GO: FixtureRecipe = {
  source: "runtime-clients/go",
  needs: ["go"],
  steps: [["go", "build", "-ldflags", "-s -w", "-o", "bootstrap", "."]],
  environment: { CGO_ENABLED: "0", GOFLAGS: "-mod=mod" },
};

const RUST: FixtureRecipe = {
  source: "runtime-clients/rust",
  needs: ["cargo"],
  steps: [
    ["cargo", "build", "--release", "--quiet"],
    ["cp", "target/release/bootstrap", "."],
    ["rm", "-rf", "target"],
  ],
};

const JAVA: FixtureRecipe = {
  source: "runtime-clients/java",
  needs: ["mvn", "java", "jlink"],
  steps: [
    ["mvn", "-q", "-B", "package", "dependency:copy-dependencies", "-DoutputDirectory=lib"],
    ["cp", "target/fixture-1.jar", "lib"],
    ["rm", "-rf", "target"],
    [
      ...[
        "jlink",
        "--add-modules",
        "java.base,java.logging,java.xml,java.management,jdk.unsupported",
      ],
      ...["--strip-debug", "--no-man-pages", "--no-header-files", "--output", "jre"],
    ],
  ],
};

const PYTHON: FixtureRecipe = {
  source: "runtime-clients/python",
  needs: ["/usr/bin/python3", "/usr/lib/python3/dist-packages/pip"],
  steps: [
    [
      ...["/usr/bin/python3", "-m", "pip", "install", "--quiet", "--target", "."],
      ...["--disable-pip-version-check", "--root-user-action=ignore", "awslambdaric==4.2.2"],
    ],
  ],
};

const NODE: FixtureRecipe = {
  source: "runtime-clients/node",
  needs: ["npm", "autoconf", "automake", "libtoolize", "m4", "cmake", "g++", "make"],
  steps: [["npm", "install", "--no-save", "--no-audit", "--no-fund", "aws-lambda-ric@4.0.2"]],
};

interface CustomFunction {
  readonly name: string;
  readonly zip: Buffer;
  readonly handler?: string;
  readonly memoryMiB?: number;
  readonly layers?: string[];
}

async function create(lambda: LambdaClient, wanted: CustomFunction): Promise<void> {
  await lambda.send(
    new CreateFunctionCommand({
      FunctionName: wanted.name,
      Runtime: "provided.al2023",
      Handler: wanted.handler ?? "index.handler",
      Role: ROLE,
      MemorySize: wanted.memoryMiB ?? 256,
      Timeout: 20,
      Code: { ZipFile: wanted.zip },
      ...(wanted.layers === undefined ? {} : { Layers: wanted.layers }),
    }),
  );
  await waitUntilFunctionActiveV2(
    { client: lambda, maxWaitTime: 30, minDelay: 1, maxDelay: 1 },
    { FunctionName: wanted.name },
  );
}

/** Success, an error with its type, and success again in the same environment. */
async function behaves(lambda: LambdaClient, name: string, errorType: RegExp): Promise<void> {
  const first = await call(lambda, name, { say: "hello" });
  assert.equal(first.functionError, undefined, first.log);
  const { got, requestId, arn, hasTime, function: functionName } = first.value;
  assert.deepEqual([got, hasTime, functionName], ["hello", true, name]);
  assert.equal(requestId, first.requestId);
  assert.match(arn, new RegExp(`:function:${name}$`));
  const failed = await call(lambda, name, { fail: "now" });
  assert.equal(failed.functionError, "Unhandled");
  assert.match(failed.value.errorType, errorType);
  assert.match(failed.value.errorMessage, /asked to fail: now/);
  const again = await call(lambda, name, { say: "again" });
  assert.deepEqual([again.value.got, again.headers["x-hearth-start"]], ["again", "warm"]);
}

test("RIC-1 a Go function on aws-lambda-go runs unchanged", async (t) => {
  const directory = await fixtureOrSkip(t, GO);
  if (directory === undefined) return;
  await using hearth = await startHearth({ flags: { warm: "provided.al2023=1" } });
  await create(hearth.lambda(), { name: "go", zip: await zipOfDirectory(directory) });
  await behaves(hearth.lambda(), "go", /^errorString$/);
});

test("RIC-1 a Rust function on lambda_runtime runs unchanged", async (t) => {
  const directory = await fixtureOrSkip(t, RUST);
  if (directory === undefined) return;
  await using hearth = await startHearth({ flags: { warm: "provided.al2023=1" } });
  await create(hearth.lambda(), { name: "rust", zip: await zipOfDirectory(directory) });
  await behaves(hearth.lambda(), "rust", /Error|String/);
});

test("RIC-1 a Java function on AWS's runtime interface client runs unchanged", async (t) => {
  const directory = await fixtureOrSkip(t, JAVA);
  if (directory === undefined) return;
  const bootstrap = `#!/bin/sh
exec ./jre/bin/java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "lib/*" \\
  com.amazonaws.services.lambda.runtime.api.client.AWSLambda "$_HANDLER"
`;
  await using hearth = await startHearth({ flags: { warm: "provided.al2023=1" } });
  const zip = await zipOfDirectory(directory, { bootstrap });
  const handler = "fixture.Handler::handleRequest";
  await create(hearth.lambda(), { name: "java", zip, handler, memoryMiB: 1024 });
  await behaves(hearth.lambda(), "java", /^java\.lang\.IllegalStateException$/);
});

test("RIC-1 a Python function on awslambdaric runs unchanged", async (t) => {
  const directory = await fixtureOrSkip(t, PYTHON);
  if (directory === undefined) return;
  const bootstrap =
    '#!/bin/sh\nPYTHONPATH=/var/task exec /usr/bin/python3 -m awslambdaric "$_HANDLER"\n';
  await using hearth = await startHearth({ flags: { warm: "provided.al2023=1" } });
  const zip = await zipOfDirectory(directory, { bootstrap });
  await create(hearth.lambda(), { name: "python", zip, handler: "app.handler" });
  await behaves(hearth.lambda(), "python", /^RuntimeError$/);
});

test("RIC-1 a Node function on aws-lambda-ric runs unchanged, streams too", async (t) => {
  await needBuildTools();
  const directory = await fixtureOrSkip(t, NODE);
  if (directory === undefined) return;
  await using hearth = await startHearth({ flags: { warm: "provided.al2023=1" } });
  const lambda = hearth.lambda();
  const node = await publishNode(lambda);
  const bootstrap =
    '#!/bin/sh\nexec /opt/bin/node node_modules/aws-lambda-ric/index.mjs "$_HANDLER"\n';
  const zip = await zipOfDirectory(directory, { bootstrap });
  const common = { zip, layers: [node], memoryMiB: 512 };
  await create(lambda, { name: "node", handler: "index.handler", ...common });
  await behaves(lambda, "node", /^RangeError$/);
  await hasClientContext(lambda);
  await create(lambda, { name: "node-stream", handler: "index.streaming", ...common });
  await streams(lambda);
});

/** AWS's Node client compiles itself when it is installed. */
async function needBuildTools(): Promise<void> {
  if (isProgram("autoconf") || process.getuid?.() !== 0 || !isProgram("apt-get")) return;
  const packages = ["autoconf", "automake", "libtool", "m4", "cmake", "g++", "make"];
  const install = ["install", "-y", "--no-install-recommends", ...packages];
  await promisify(execFile)("apt-get", install, { timeout: 120_000 }).catch(() => {});
}

/** The Node that Hearth brings, as a layer: the runtime client needs one of 22 or later. */
async function publishNode(lambda: LambdaClient): Promise<string> {
  const require = createRequire(import.meta.url);
  const manifest = require.resolve(`hearth-node24-${process.arch}/package.json`);
  const bytes = await readFile(join(manifest, "../bin/node"));
  const published = await lambda.send(
    new PublishLayerVersionCommand({
      LayerName: "node",
      Content: { ZipFile: await zipFiles([{ path: "bin/node", bytes, mode: 0o100755 }]) },
    }),
  );
  return published.LayerVersionArn ?? "";
}

async function hasClientContext(lambda: LambdaClient): Promise<void> {
  const context = Buffer.from(JSON.stringify({ custom: { word: "grüße" } })).toString("base64");
  const answer = await lambda.send(
    new InvokeCommand({
      FunctionName: "node",
      ClientContext: context,
      Payload: Buffer.from('{"say":"x"}'),
    }),
  );
  const { client } = JSON.parse(Buffer.from(answer.Payload ?? []).toString());
  assert.deepEqual(client, { word: "grüße" });
}

async function streams(lambda: LambdaClient): Promise<void> {
  const invoke = async (event: unknown): Promise<{ text: string; error: string | undefined }> => {
    const answer = await lambda.send(
      new InvokeWithResponseStreamCommand({
        FunctionName: "node-stream",
        Payload: Buffer.from(JSON.stringify(event)),
      }),
    );
    let text = "";
    let error: string | undefined;
    for await (const part of answer.EventStream ?? []) {
      text += Buffer.from(part.PayloadChunk?.Payload ?? []).toString();
      error ??= part.InvokeComplete?.ErrorDetails;
    }
    return { text, error };
  };
  const whole = await invoke({});
  assert.equal(whole.text, '{"statusCode":203}\0\0\0\0\0\0\0\0one two');
  const broken = await invoke({ fail: "midway" });
  assert.equal(broken.text, '{"statusCode":203}\0\0\0\0\0\0\0\0one ');
  assert.match(broken.error ?? "", /asked to fail: midway/);
}

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  CreateAliasCommand,
  CreateFunctionUrlConfigCommand,
  DeleteAliasCommand,
  DeleteFunctionCommand,
  DeleteFunctionUrlConfigCommand,
  GetFunctionUrlConfigCommand,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  paginateListFunctionUrlConfigs,
  ResourceConflictException,
  ResourceNotFoundException,
  UpdateFunctionUrlConfigCommand,
} from "@aws-sdk/client-lambda";
import { awsCli, withoutAwsCli } from "../support/aws-cli.ts";
import { deploy, handlerFile } from "../support/functions.ts";
import { startHearth } from "../support/hearth.ts";
import { createUrl, openToAll, type RequestOptions, send } from "../support/urls.ts";

/** Function URLs as the AWS SDK and CLI make them, called with curl, fetch and node:http. */

const hearth = await startHearth();
const lambda = hearth.lambda();

after(async () => {
  lambda.destroy();
  await hearth[Symbol.asyncDispose]();
});

/** A function with a URL that everybody may call. */
async function publicUrl(name: string, body: string): Promise<{ url: string; id: string }> {
  await deploy(lambda, { name, files: handlerFile(body) });
  await openToAll(lambda, name);
  return await createUrl(lambda, name);
}

test("URL: a configuration from creation to deletion", async () => {
  const FunctionName = "configured";
  await deploy(lambda, { name: FunctionName, files: handlerFile("return 1;") });
  const Cors = { AllowOrigins: ["https://a.test"], AllowMethods: ["GET"], MaxAge: 5 };
  const create = new CreateFunctionUrlConfigCommand({ FunctionName, AuthType: "AWS_IAM", Cors });
  const created = await lambda.send(create);
  const port = new URL(hearth.url).port;
  const pattern = `^http://[a-z0-9]{32}\\.lambda-url\\.us-east-1\\.localhost:${port}/$`;
  assert.match(created.FunctionUrl ?? "", new RegExp(pattern));
  assert.deepEqual([created.InvokeMode, created.Cors], ["BUFFERED", Cors]);
  await assert.rejects(lambda.send(create), (error: unknown) => {
    assert.ok(error instanceof ResourceConflictException);
    assert.match(error.message, /FunctionUrlConfig exists for this Lambda function$/);
    return true;
  });
  await lambda.send(new PublishVersionCommand({ FunctionName }));
  const alias = { FunctionName, Name: "live", FunctionVersion: "1" };
  await lambda.send(new CreateAliasCommand(alias));
  const ofAlias = await lambda.send(
    new CreateFunctionUrlConfigCommand({ FunctionName, Qualifier: "live", AuthType: "NONE" }),
  );
  assert.match(ofAlias.FunctionArn ?? "", /:function:configured:live$/);
  const update = { FunctionName, AuthType: "NONE", InvokeMode: "RESPONSE_STREAM" } as const;
  const updated = await lambda.send(new UpdateFunctionUrlConfigCommand(update));
  assert.deepEqual([updated.AuthType, updated.InvokeMode], ["NONE", "RESPONSE_STREAM"]);
  const got = await lambda.send(new GetFunctionUrlConfigCommand({ FunctionName }));
  assert.deepEqual([got.FunctionUrl, got.Cors], [created.FunctionUrl, Cors]);
  const listed: (string | undefined)[] = [];
  const pages = paginateListFunctionUrlConfigs({ client: lambda, pageSize: 1 }, { FunctionName });
  for await (const page of pages) {
    listed.push(...(page.FunctionUrlConfigs ?? []).map(({ FunctionUrl }) => FunctionUrl));
  }
  assert.deepEqual(listed, [created.FunctionUrl, ofAlias.FunctionUrl]);
  await lambda.send(new DeleteFunctionUrlConfigCommand({ FunctionName }));
  await assert.rejects(
    lambda.send(new GetFunctionUrlConfigCommand({ FunctionName })),
    ResourceNotFoundException,
  );
});

test("URL-1: what goes with it is deleted with it", async () => {
  const unknown = '{"Message":null}';
  const { url } = await publicUrl("goes", "return 'here';");
  await lambda.send(new PublishVersionCommand({ FunctionName: "goes" }));
  const alias = { FunctionName: "goes", Name: "live" };
  await lambda.send(new CreateAliasCommand({ ...alias, FunctionVersion: "1" }));
  const ofAlias = await createUrl(lambda, "goes", { Qualifier: "live" });
  assert.equal((await send(ofAlias.url)).status, 403, "an alias has a policy of its own");
  await openToAll(lambda, "goes", "live");
  assert.equal((await send(ofAlias.url)).text, "here");
  await lambda.send(new DeleteAliasCommand(alias));
  assert.equal((await send(ofAlias.url)).text, unknown);
  assert.equal((await send(url)).text, "here");
  await lambda.send(new DeleteFunctionCommand({ FunctionName: "goes" }));
  const gone = await send(url);
  assert.deepEqual([gone.status, gone.text], [403, unknown]);
  await publicUrl("goes", "return 'another';");
  assert.equal((await send(url)).text, unknown, "a new function has a new URL");
});

test("URL-1: the event is payload format 2.0", async () => {
  const { url, id } = await publicUrl("event", "return { event };");
  const request: RequestOptions = {
    method: "POST",
    headers: {
      ...{ "Content-Type": "application/json; charset=utf-8", "User-Agent": "tester/1" },
      ...{ Cookie: "a=1; b=2", "X-Twice": ["1", "2"] },
    },
    body: '{"key":"hodnota ž"}',
  };
  const reply = await send(`${url}a%20b//c?x=1&x=2&y=%20z`, request);
  const { event } = JSON.parse(reply.text);
  const { headers, requestContext, ...rest } = event;
  assert.deepEqual(rest, {
    version: "2.0",
    routeKey: "$default",
    rawPath: "/a%20b//c",
    rawQueryString: "x=1&x=2&y=%20z",
    cookies: ["a=1", "b=2"],
    queryStringParameters: { x: "1,2", y: " z" },
    body: '{"key":"hodnota ž"}',
    isBase64Encoded: false,
  });
  assert.equal(headers["x-twice"], "1,2");
  assert.equal(headers["x-forwarded-for"], "127.0.0.1");
  assert.equal(headers["x-amzn-trace-id"], reply.headers["x-amzn-trace-id"]);
  assert.equal(headers.cookie, undefined);
  const { time, timeEpoch, ...context } = requestContext;
  assert.match(time, /^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/);
  assert.ok(Math.abs(timeEpoch - Date.now()) < 60_000);
  assert.deepEqual(context, {
    accountId: "anonymous",
    apiId: id,
    domainName: new URL(url).hostname,
    domainPrefix: id,
    http: {
      ...{ method: "POST", path: "/a%20b//c", protocol: "HTTP/1.1" },
      ...{ sourceIp: "127.0.0.1", userAgent: "tester/1" },
    },
    requestId: reply.headers["x-amzn-requestid"],
    routeKey: "$default",
    stage: "$default",
  });
  const form = await send(`${hearth.url}/_url/${id}/form`, {
    method: "PUT",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: "a=b",
  });
  const { event: second } = JSON.parse(form.text);
  assert.deepEqual([second.rawPath, second.body, second.isBase64Encoded], ["/form", "YT1i", true]);
  assert.equal(second.queryStringParameters, undefined);
});

test("URL-1: what a function returns becomes HTTP", async () => {
  const { url } = await publicUrl("answers", "return JSON.parse(event.body);");
  const answer = (value: unknown): ReturnType<typeof send> =>
    send(url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(value),
    });
  const full = await answer({
    statusCode: 201,
    headers: { "Content-Type": "text/plain", "X-Number": 5, Date: "never", "Content-Length": 99 },
    cookies: ["a=1; Path=/", "b=2"],
    body: Buffer.from("raw ž").toString("base64"),
    isBase64Encoded: true,
  });
  assert.deepEqual([full.status, full.text], [201, "raw ž"]);
  assert.equal(full.headers["x-number"], "5");
  assert.deepEqual(full.headers["set-cookie"], ["a=1; Path=/", "b=2"]);
  assert.equal(full.headers["x-amzn-remapped-date"], "never");
  assert.equal(full.headers["x-amzn-remapped-content-length"], "99");
  for (const [value, text] of [
    [{ hello: "world" }, '{"hello":"world"}'],
    [["hello", 3, true], '["hello",3,true]'],
    ["hello", "hello"],
    [3.1, "3.1"],
    [null, "null"],
  ]) {
    const plain = await answer(value);
    assert.deepEqual([plain.status, plain.text], [200, text]);
    assert.equal(plain.headers["content-type"], "application/json");
  }
  const teapot = await answer({ statusCode: "418", body: "i'm a teapot" });
  assert.deepEqual([teapot.status, teapot.text], [418, "i'm a teapot"]);
  for (const bad of [
    { statusCode: 99 },
    { statusCode: 101 },
    { statusCode: "ok" },
    { statusCode: 200, headers: { "X-A": "b\r\nX-Injected: 1" } },
    { statusCode: 200, headers: { "bad name": "b" } },
    { statusCode: 200, cookies: ["a\r\nX-Injected: 1"] },
    { statusCode: 200, body: {}, isBase64Encoded: true },
  ]) {
    const refused = await answer(bad);
    assert.deepEqual([refused.status, refused.text], [502, "Internal Server Error"]);
  }
});

test("URL: failures as AWS answers them", async () => {
  const { url } = await publicUrl("failing", "throw new Error('secret');");
  const failed = await send(url);
  assert.deepEqual([failed.status, failed.text], [502, "Internal Server Error"]);
  const large = await send(url, { method: "POST", body: Buffer.alloc(6 * 1024 * 1024 + 1) });
  assert.equal(large.status, 413);
  const expanded = await send(url, { method: "POST", body: Buffer.alloc(5 * 1024 * 1024) });
  assert.equal(expanded.status, 413, "in base64 it is more than 6 MB");
  const FunctionName = "failing";
  await lambda.send(
    new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 0 }),
  );
  const throttled = await send(url);
  assert.equal(throttled.status, 429);
  assert.equal(throttled.headers["x-amzn-errortype"], "TooManyRequestsException");
});

test("URL: HEAD calls the function and sends no body", async () => {
  const { url } = await publicUrl("head", "return { statusCode: 200, body: 'abc' };");
  const reply = await send(url, { method: "HEAD" });
  assert.deepEqual([reply.status, reply.text, reply.headers["content-length"]], [200, "", "3"]);
});

test("URL-1: CORS is answered as configured", async () => {
  const { url } = await publicUrl(
    "cors",
    "return { statusCode: 200, headers: { 'Access-Control-Allow-Origin': 'bad' }, body: 'called' };",
  );
  const origin = "https://app.test";
  const preflight = { Origin: origin, "Access-Control-Request-Method": "PUT" };
  const before = await send(url, { method: "OPTIONS", headers: preflight });
  assert.equal(before.text, "called", "without a configuration the function answers itself");
  await lambda.send(
    new UpdateFunctionUrlConfigCommand({
      FunctionName: "cors",
      Cors: {
        ...{ AllowOrigins: [origin], AllowMethods: ["GET", "PUT"], AllowHeaders: ["x-a", "x-b"] },
        ...{ ExposeHeaders: ["x-c"], AllowCredentials: true, MaxAge: 60 },
      },
    }),
  );
  const allowed = await send(url, { method: "OPTIONS", headers: preflight });
  assert.deepEqual([allowed.status, allowed.text], [200, ""]);
  assert.equal(allowed.headers["access-control-allow-origin"], origin);
  assert.equal(allowed.headers["access-control-allow-methods"], "GET,PUT");
  assert.equal(allowed.headers["access-control-allow-headers"], "x-a,x-b");
  assert.equal(allowed.headers["access-control-max-age"], "60");
  assert.equal(allowed.headers["access-control-allow-credentials"], "true");
  const refused = await send(url, {
    method: "OPTIONS",
    headers: { ...preflight, Origin: "https://evil.test" },
  });
  assert.equal(refused.headers["access-control-allow-origin"], undefined);
  assert.equal(refused.headers["access-control-allow-methods"], undefined);
  const called = await send(url, { headers: { Origin: origin } });
  assert.equal(called.headers["access-control-allow-origin"], origin, "wins over the function");
  assert.equal(called.headers["access-control-expose-headers"], "x-c");
  assert.equal(called.headers.vary, "Origin");
  const elsewhere = await send(url, { headers: { Origin: "https://evil.test" } });
  assert.equal(elsewhere.headers["access-control-allow-origin"], undefined);
});

test("URL-1: a URL outlives a restart", async () => {
  const dataDirectory = await mkdtemp(join(tmpdir(), "hearth-urls-"));
  await using made = new AsyncDisposableStack();
  made.defer(() => rm(dataDirectory, { recursive: true }));
  let id = "";
  {
    await using first = await startHearth({ dataDirectory });
    const client = first.lambda();
    await deploy(client, { name: "lasting", files: handlerFile("return 'still here';") });
    await openToAll(client, "lasting");
    ({ id } = await createUrl(client, "lasting"));
    client.destroy();
  }
  await using second = await startHearth({ dataDirectory });
  assert.equal((await send(`${second.url}/_url/${id}/`)).text, "still here");
});

test("URL: curl finds it by its name, fetch by its path", async () => {
  const { url, id } = await publicUrl("found", "return event.requestContext.http.method;");
  const text = await new Promise((resolve) => {
    execFile("curl", ["-sS", "-X", "PATCH", url], (_error, stdout, stderr) => {
      resolve(stdout + stderr);
    });
  });
  assert.equal(text, "PATCH");
  const fetched = await fetch(`${hearth.url}/_url/${id}/`);
  assert.equal(await fetched.text(), "GET");
  const bare = await fetch(`${hearth.url}/_url/${id}`);
  assert.equal(await bare.text(), "GET");
});

test("URL: serverless-http serves a plain Node handler", async () => {
  const require = createRequire(import.meta.url);
  const entry = require.resolve("serverless-http");
  const { build } = await import("esbuild");
  const source = `
    const serverless = require(${JSON.stringify(entry)});
    exports.handler = serverless((request, response) => {
      response.setHeader("X-Seen", request.method + " " + request.url);
      response.setHeader("Set-Cookie", ["a=1", "b=2"]);
      response.statusCode = 202;
      request.pipe(response);
    });`;
  const bundled = await build({
    ...{ bundle: true, write: false, platform: "node", format: "cjs" },
    stdin: { contents: source, resolveDir: "." },
  });
  const files = { "index.js": bundled.outputFiles[0]?.text ?? "" };
  await deploy(lambda, { name: "framework", files });
  await openToAll(lambda, "framework");
  const { url } = await createUrl(lambda, "framework");
  const reply = await send(`${url}path?q=1`, {
    method: "POST",
    headers: { "Content-Type": "text/plain" },
    body: "through a framework",
  });
  assert.deepEqual([reply.status, reply.text], [202, "through a framework"]);
  assert.equal(reply.headers["x-seen"], "POST /path?q=1");
  assert.deepEqual(reply.headers["set-cookie"], ["a=1", "b=2"]);
});

test("URL: the AWS CLI makes one", { skip: withoutAwsCli }, async (t) => {
  const home = await mkdtemp(join(tmpdir(), "hearth-cli-"));
  t.after(() => rm(home, { recursive: true }));
  const aws = awsCli(hearth, home);
  await deploy(lambda, { name: "by-cli", files: handlerFile("return 'cli';") });
  await openToAll(lambda, "by-cli");
  const created = await aws(
    ...["lambda", "create-function-url-config", "--function-name", "by-cli"],
    ...["--auth-type", "NONE", "--cors", "AllowOrigins=*,MaxAge=10"],
  );
  assert.equal(created.error, "");
  assert.deepEqual(created.json.Cors, { AllowOrigins: ["*"], MaxAge: 10 });
  assert.equal((await send(created.json.FunctionUrl)).text, "cli");
  const missing = await aws(
    ...["lambda", "get-function-url-config", "--function-name", "by-cli", "--qualifier", "none"],
  );
  assert.match(missing.error, /\(ResourceNotFoundException\).*GetFunctionUrlConfig/);
});

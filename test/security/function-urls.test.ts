import assert from "node:assert/strict";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import {
  DeleteFunctionUrlConfigCommand,
  GetFunctionUrlConfigCommand,
  RemovePermissionCommand,
  ResourceNotFoundException,
} from "@aws-sdk/client-lambda";
import { SignatureV4 } from "@smithy/signature-v4";
import { Sha256 } from "../../src/api/http/testing.ts";
import { presign } from "../../src/api/mod.ts";
import { deploy, handlerFile } from "../support/functions.ts";
import { startHearth, type TestCredentials } from "../support/hearth.ts";
import { createUrl, openToAll, permit, type Reply, send } from "../support/urls.ts";

/** Who may call a function by its URL, and what forged requests come to. */

const hearth = await startHearth();
const lambda = hearth.lambda();
const owner = await hearth.createOwner("url-stranger");
const stranger = hearth.lambda(owner);
const ECHO = handlerFile("return { event };");
const { host } = new URL(hearth.url);

after(async () => {
  lambda.destroy();
  stranger.destroy();
  await hearth[Symbol.asyncDispose]();
});

type Headers = Record<string, string>;

/** Headers that AWS's own signer makes. */
async function signed(
  url: string,
  credentials: TestCredentials = hearth.credentials,
  { method = "GET", body = "", service = "lambda" } = {},
): Promise<Headers> {
  const { region } = hearth;
  const signer = new SignatureV4({ region, service, credentials, sha256: Sha256 });
  const { host: name, hostname, port, pathname, searchParams } = new URL(url);
  const request = await signer.sign({
    ...{ method, protocol: "http:", hostname, port: Number(port), path: pathname, body },
    query: Object.fromEntries(searchParams),
    headers: { host: name },
  });
  return request.headers;
}

function eventIn(reply: Reply): ReturnType<typeof JSON.parse> {
  assert.equal(reply.status, 200, reply.text);
  return JSON.parse(reply.text).event;
}

test("URL-2: AWS_IAM takes the owner's signature and nothing else", async () => {
  await deploy(lambda, { name: "signed", files: ECHO });
  const { url } = await createUrl(lambda, "signed", { AuthType: "AWS_IAM" });
  const event = eventIn(await send(`${url}a?x=1`, { headers: await signed(`${url}a?x=1`) }));
  assert.equal(event.rawPath, "/a");
  assert.equal(event.headers.authorization, undefined, "a function cannot pass it on");
  assert.equal(event.requestContext.accountId, hearth.owner);
  assert.deepEqual(event.requestContext.authorizer.iam, {
    accessKey: hearth.credentials.accessKeyId,
    accountId: hearth.owner,
    callerId: hearth.owner,
    cognitoIdentity: null,
    principalOrgId: null,
    userArn: `arn:aws:iam::${hearth.owner}:root`,
    userId: hearth.owner,
  });
  const presigned = presign({
    ...{ method: "GET", url: `${url}b`, credentials: hearth.credentials, region: hearth.region },
    ...{ service: "lambda", expiresSeconds: 60, timeMs: Date.now() },
  });
  assert.equal(eventIn(await send(presigned)).rawPath, "/b");
  assert.equal((await send(url)).status, 403, "unsigned");
  const wrongKey = { ...hearth.credentials, secretAccessKey: "wrong" };
  assert.equal((await send(url, { headers: await signed(url, wrongKey) })).status, 403);
  const otherService = await signed(url, hearth.credentials, { service: "s3" });
  assert.equal((await send(url, { headers: otherService })).status, 403, "another service");
  await openToAll(lambda, "signed");
  assert.equal((await send(url)).status, 403, "a policy for NONE does not open AWS_IAM");
});

test("URL-2: a signature covers host, path, query and body", async () => {
  await deploy(lambda, { name: "covered", files: ECHO });
  await deploy(lambda, { name: "other", files: ECHO });
  const { url } = await createUrl(lambda, "covered", { AuthType: "AWS_IAM" });
  const other = await createUrl(lambda, "other", { AuthType: "AWS_IAM" });
  const post = { method: "POST", body: "signed" };
  const headers = await signed(`${url}a?x=1`, hearth.credentials, post);
  assert.equal((await send(`${url}a?x=1`, { ...post, headers })).status, 200);
  for (const [target, body] of [
    [`${url}b?x=1`, "signed"],
    [`${url}a?x=2`, "signed"],
    [`${url}a?x=1`, "changed"],
    [`${other.url}a?x=1`, "signed"],
  ] as const) {
    const { host: name } = new URL(target);
    const reply = await send(target, { ...post, body, headers: { ...headers, host: name } });
    assert.equal(reply.status, 403, target);
    assert.equal(reply.headers["x-amzn-errortype"], "InvalidSignatureException");
  }
});

test("URL-2: by path, one URL's signature is not another's", async () => {
  const mine = new URL((await urlOf("covered")) ?? "");
  const theirs = new URL((await urlOf("other")) ?? "");
  const [a = "", b = ""] = [mine, theirs].map(({ hostname }) => hostname.split(".", 1)[0]);
  const headers = await signed(`${hearth.url}/_url/${a}/x`);
  const plain = await raw(`GET /_url/${a}/x HTTP/1.1`, headers);
  assert.match(plain, /^HTTP\/1\.1 200 .*"rawPath":"\/x"/s);
  const same = await raw(`GET /_url/${a}/y/../x HTTP/1.1`, headers);
  assert.match(same, /^HTTP\/1\.1 200 .*"rawPath":"\/x"/s, "what was signed is what is seen");
  const crossed = await raw(`GET /_url/${b}/../${a}/x HTTP/1.1`, headers);
  assert.match(crossed, /^HTTP\/1\.1 403 /);
});

async function urlOf(FunctionName: string): Promise<string | undefined> {
  return (await lambda.send(new GetFunctionUrlConfigCommand({ FunctionName }))).FunctionUrl;
}

/** Sends a request as it is written and returns all that comes back. */
async function raw(line: string, headers: Headers, rest = ""): Promise<string> {
  const { hostname, port } = new URL(hearth.url);
  const socket = connect(Number(port), hostname);
  const lines = Object.entries({ ...headers, connection: "close" });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.write(`${line}\r\n${head}\r\n${rest}`);
  return await text(socket);
}

test("URL-2: another account needs the function's permission", async () => {
  await deploy(lambda, { name: "shared", files: ECHO });
  const { url } = await createUrl(lambda, "shared", { AuthType: "AWS_IAM" });
  const call = async (): Promise<Reply> => send(url, { headers: await signed(url, owner) });
  const refused = await call();
  assert.equal(refused.status, 403);
  assert.match(refused.text, /^\{"Message":"Forbidden\. For troubleshooting Function URL/);
  await permit(lambda, "shared", owner.owner, "AWS_IAM");
  assert.equal(eventIn(await call()).requestContext.authorizer.iam.accountId, owner.owner);
  const FunctionName = "shared";
  const StatementId = `invoke-${owner.owner}`;
  await lambda.send(new RemovePermissionCommand({ FunctionName, StatementId }));
  assert.equal((await call()).status, 403, "both permissions are needed");
});

test("URL-2: NONE is closed until the policy opens it to everybody", async () => {
  await deploy(lambda, { name: "public", files: ECHO });
  const { url } = await createUrl(lambda, "public");
  assert.equal((await send(url)).status, 403);
  await permit(lambda, "public", owner.owner, "NONE");
  assert.equal((await send(url)).status, 403, "one account is not everybody");
  await openToAll(lambda, "public");
  assert.equal((await send(url)).status, 200);
  const FunctionName = "public";
  await lambda.send(new RemovePermissionCommand({ FunctionName, StatementId: "url-all" }));
  assert.equal((await send(url)).status, 403, "both permissions are needed");
});

test("OWN-1: URLs: two owners with one function name have URLs of their own", async () => {
  await deploy(stranger, { name: "public", files: handlerFile("return 'theirs';") });
  const FunctionName = "public";
  await assert.rejects(
    stranger.send(new GetFunctionUrlConfigCommand({ FunctionName })),
    ResourceNotFoundException,
  );
  await assert.rejects(
    stranger.send(new DeleteFunctionUrlConfigCommand({ FunctionName })),
    ResourceNotFoundException,
  );
  const theirs = await createUrl(stranger, "public");
  await openToAll(stranger, "public");
  assert.equal((await send(theirs.url)).text, "theirs");
  assert.equal((await send((await urlOf("public")) ?? "")).status, 403, "mine stays closed");
});

test("URL-2: forged hosts and paths reach no other function and no API", async () => {
  await deploy(lambda, { name: "found", files: ECHO });
  await openToAll(lambda, "found");
  const { url, id } = await createUrl(lambda, "found");
  const name = new URL(url).host;
  for (const path of ["health", "metrics", "_hearth/accounts", "2015-03-31/functions"]) {
    const event = eventIn(await send(`${url}${path}`));
    assert.equal(event.rawPath, `/${path}`, "the function, not the API");
  }
  const unknown = "a".repeat(32);
  for (const forged of [
    `${unknown}.lambda-url.us-east-1.localhost`,
    `${id}.lambda-url.eu-west-1.localhost`,
    `${id}x.lambda-url.us-east-1.localhost`,
    ".lambda-url.us-east-1.localhost",
    `${id}.lambda-url.`,
    `../${id}.lambda-url.us-east-1.localhost`,
  ]) {
    const reply = await raw("GET / HTTP/1.1", { Host: forged });
    assert.match(reply, /^HTTP\/1\.1 403 .*\{"Message":null\}$/s, forged);
  }
  const anywhere = await raw("GET / HTTP/1.1", {
    Host: `${id.toUpperCase()}.LAMBDA-URL.us-east-1.a`,
  });
  assert.match(anywhere, /^HTTP\/1\.1 200 /, "names are compared without case, whatever follows");
  const twice = await raw(`GET / HTTP/1.1\r\nHost: ${name}`, { Host: host });
  assert.match(twice, /^HTTP\/1\.1 400 /);
  const elsewhere = await raw(`GET http://${name}/ HTTP/1.1`, { Host: host });
  assert.match(elsewhere, /^HTTP\/1\.1 400 /);
  const dotted = await raw(`GET /_url/${id}/../../health HTTP/1.1`, { Host: host });
  assert.match(dotted, /"rawPath":"\/\.\.\/\.\.\/health"/, "the function's, as it was sent");
});

test("HTTP-1: URLs: neither requests nor responses can be smuggled", async () => {
  const smuggled = `GET /2015-03-31/functions HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  const { host: name } = new URL((await urlOf("found")) ?? "");
  const both = await raw(
    "POST / HTTP/1.1",
    { Host: name, "Content-Length": "4", "Transfer-Encoding": "chunked" },
    `0\r\n\r\n${smuggled}`,
  );
  assert.match(both, /^HTTP\/1\.1 400 /);
  assert.equal(both.match(/HTTP\/1\.1 \d/g)?.length, 1, "nothing after it is read");
  const inBody = await raw(
    "POST / HTTP/1.1",
    { Host: name, "Content-Length": String(smuggled.length) },
    smuggled,
  );
  assert.equal(inBody.match(/HTTP\/1\.1 \d/g)?.length, 1, "a body stays a body");
  const forgedAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nowned";
  await deploy(lambda, {
    name: "splits",
    files: handlerFile(`return {
      statusCode: 200,
      headers: { "Content-Length": "0", "Transfer-Encoding": "identity", Connection: "close" },
      body: ${JSON.stringify(forgedAnswer)},
    };`),
  });
  await openToAll(lambda, "splits");
  const { url } = await createUrl(lambda, "splits");
  const answer = await send(url);
  assert.equal(answer.text, forgedAnswer, "it is inside the one body");
  assert.equal(answer.headers["content-length"], String(forgedAnswer.length));
});

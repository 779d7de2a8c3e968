import assert from "node:assert/strict";
import { test } from "node:test";
import { PlatformError } from "../../base/mod.ts";
import { testRequest } from "../lambda/testing.ts";
import { createStsApi } from "./sts-api.ts";

const api = createStsApi();

async function send(form: string, method = "POST") {
  const target = method === "GET" ? `/?${form}` : "/";
  const body = method === "GET" ? undefined : Buffer.from(form);
  const {
    status,
    headers,
    body: text,
  } = await api.handle(testRequest(method, target, body ? { body } : {}));
  return { status, headers, text: String(text) };
}

test("STS: GetCallerIdentity says who signed, by form or query", async () => {
  for (const method of ["POST", "GET"]) {
    const { status, headers, text } = await send(
      "Action=GetCallerIdentity&Version=2011-06-15",
      method,
    );
    assert.equal(status, 200);
    assert.equal(headers["Content-Type"], "text/xml");
    assert.match(text, /<Arn>arn:aws:iam::111111111111:root<\/Arn>/);
    assert.match(text, /<UserId>111111111111<\/UserId><Account>111111111111<\/Account>/);
  }
});

test("STS: other actions are invalid, and their names are no markup", async () => {
  const { status, text } = await send("Action=%3CAssume%26Role%3E&Version=2011-06-15");
  assert.equal(status, 400);
  assert.match(text, /<Type>Sender<\/Type><Code>InvalidAction<\/Code>/);
  assert.match(text, /Could not find operation &#60;Assume&#38;Role&#62; for version 2011-06-15/);
  assert.match((await send("")).text, /<Code>MissingAction<\/Code>/);
});

test("STS: renders what failed before it", () => {
  const refusal = new PlatformError(
    { kind: "unauthenticated", reason: "expired_token" },
    "The security token included in the request is expired",
  );
  const { status, body } = api.failure(refusal, "r-1");
  assert.equal(status, 403);
  assert.match(String(body), /<Code>ExpiredToken<\/Code>.*<RequestId>r-1<\/RequestId>/);
  assert.match(String(api.failure(new Error("detail"), "r-2").body), /<Code>InternalFailure</);
});

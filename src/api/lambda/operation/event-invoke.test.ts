import assert from "node:assert/strict";
import { test } from "node:test";
import { settled } from "../../../base/testing.ts";
import { BOB } from "../../../registry/testing.ts";
import { type TestApi, testApi } from "../testing.ts";

const ARN = "arn:aws:lambda:us-east-1:111111111111:function";
const PATH = "/2019-09-25/functions/hello/event-invoke-config";
const ASYNC = "/2014-11-13/functions/hello/invoke-async/";

async function withFunctions(): Promise<TestApi> {
  const api = testApi();
  for (const FunctionName of ["hello", "other"]) {
    await api.send("POST", "/2015-03-31/functions", {
      body: {
        FunctionName,
        Runtime: "nodejs24.x",
        Handler: "index.handler",
        Role: "arn:aws:iam::111111111111:role/r",
        Code: { ZipFile: "MQ==" },
      },
    });
  }
  return api;
}

test("InvokeAsync: 202, then the function runs with the arguments", async () => {
  const api = await withFunctions();
  const answer = await api.send("POST", ASYNC, { body: { a: 1 } });
  assert.deepEqual([answer.status, answer.json], [202, { Status: 202 }]);
  for (let i = 0; i < 5; i++) await settled();
  assert.equal(api.invoker.requests[0]?.payload.toString(), '{"a":1}');
  const broken = await api.send("POST", ASYNC, { body: Buffer.from("{") });
  assert.deepEqual([broken.status, broken.code], [400, "InvalidRequestContentException"]);
  const large = await api.send("POST", ASYNC, { body: Buffer.alloc(256 * 1024 + 1, "1") });
  assert.deepEqual([large.status, large.code], [413, "RequestEntityTooLargeException"]);
  assert.equal(
    large.json.message,
    "262145 byte payload is too large for the Event invocation type (limit 262144 bytes)",
  );
  const unknown = await api.send("POST", ASYNC.replace("hello", "nobody"), { body: {} });
  assert.deepEqual([unknown.status, unknown.code], [404, "ResourceNotFoundException"]);
  const strange = await api.send("POST", ASYNC, { body: {}, owner: BOB });
  assert.equal(strange.status, 404);
});

test("FunctionEventInvokeConfig: put, get, update, list and delete", async () => {
  const api = await withFunctions();
  const body = { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 3600, Unknown: true };
  const put = await api.send("PUT", PATH, { body });
  const config = {
    FunctionArn: `${ARN}:hello:$LATEST`,
    LastModified: api.clock.now() / 1000,
    MaximumRetryAttempts: 0,
    MaximumEventAgeInSeconds: 3600,
    DestinationConfig: { OnSuccess: {}, OnFailure: {} },
  };
  assert.deepEqual([put.status, put.json], [200, config]);
  const DestinationConfig = { OnFailure: { Destination: `${ARN}:other` } };
  const updated = await api.send("POST", PATH, { body: { DestinationConfig } });
  const after = { ...config, DestinationConfig: { OnSuccess: {}, ...DestinationConfig } };
  assert.deepEqual([updated.status, updated.json], [200, after]);
  assert.deepEqual((await api.send("GET", `${PATH}?Qualifier=%24LATEST`)).json, after);
  const list = await api.send("GET", `${PATH}/list?MaxItems=1`);
  assert.deepEqual(list.json, { FunctionEventInvokeConfigs: [after] });
  assert.equal((await api.send("DELETE", PATH)).status, 204);
  const gone = await api.send("GET", PATH);
  const message = `The function ${ARN}:hello:$LATEST doesn't have an EventInvokeConfig`;
  assert.deepEqual([gone.status, gone.json.Message], [404, message]);
});

test("FunctionEventInvokeConfig: bad input gets AWS's errors", async () => {
  const api = await withFunctions();
  const refused = async (body: unknown, code: string, message: RegExp): Promise<void> => {
    for (const method of ["PUT", "POST"]) {
      const answer = await api.send(method, PATH, { body });
      assert.deepEqual([answer.status, answer.code], [400, code], JSON.stringify(body));
      assert.match(answer.json.message, message);
    }
  };
  await api.send("PUT", PATH, { body: { MaximumRetryAttempts: 1 } });
  const invalid = "InvalidParameterValueException";
  await refused({}, invalid, /^You must specify at least one of error handling or destination/);
  await refused({ MaximumRetryAttempts: 3 }, "ValidationException", /'maximumRetryAttempts'.* 2$/);
  await refused({ MaximumEventAgeInSeconds: 59 }, "ValidationException", /equal to 60$/);
  await refused({ MaximumEventAgeInSeconds: 21601 }, "ValidationException", /equal to 21600$/);
  await refused({ MaximumRetryAttempts: "1" }, "SerializationException", /STRING_VALUE/);
  const to = (Destination: unknown) => ({ DestinationConfig: { OnSuccess: { Destination } } });
  await refused(to("x"), "ValidationException", /'destinationConfig\.onSuccess\.destination'/);
  await refused(to(1), "SerializationException", /NUMBER_VALUE/);
  await refused(to(`${ARN}:nobody`), invalid, /^The destination ARN .* is invalid\.$/);
  await refused(to("arn:aws:sns:us-east-1:111111111111:t"), invalid, /must be a function$/);
  const items = await api.send("GET", `${PATH}/list?MaxItems=51`);
  assert.match(items.json.message, /at 'maxItems' .* less than or equal to 50$/);
  const qualified = await api.send("GET", `${PATH}?Qualifier=live%21`);
  assert.equal(qualified.code, "ValidationException");
  const unknown = await api.send("PUT", PATH.replace("hello", "nobody"), {
    body: { MaximumRetryAttempts: 1 },
  });
  assert.deepEqual([unknown.status, unknown.json.Message], [404, "The function doesn't exist."]);
  const strange = await api.send("GET", PATH, { owner: BOB });
  assert.equal(strange.status, 404);
  const empty = await api.send("PUT", PATH, { body: to("") });
  assert.deepEqual(empty.json.DestinationConfig, { OnSuccess: {}, OnFailure: {} });
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as sdk from "@aws-sdk/client-lambda";
import { ROUTES } from "../../src/api/lambda/routes.ts";
import { signRequest } from "../../src/api/mod.ts";
import { deploy, handlerFile } from "../support/functions.ts";
import { startHearth, type TestHearth } from "../support/hearth.ts";
import { type Kind, type MemberModel, operationModel } from "../support/lambda-model.ts";

/**
 * Bad input to every operation that Hearth routes, made from AWS's own model: whatever is wrong,
 * the answer is an error that AWS has, never one of ours.
 */

const MODELS = ROUTES.map(({ name }) => operationModel(name));
const REGION = "us-east-1";

/** Errors that AWS's services have without saying so in each model. */
const COMMON_ERRORS = [
  ...["ValidationException", "SerializationException", "AccessDeniedException"],
  "RequestEntityTooLargeException",
];
const KNOWN_ERRORS: ReadonlySet<string> = new Set([...Object.keys(sdk), ...COMMON_ERRORS]);

let hearth: TestHearth;
before(async () => {
  hearth = await startHearth();
  const lambda = hearth.lambda();
  const more = { Publish: true };
  await deploy(lambda, { name: "present", files: handlerFile("return 1;"), more });
  lambda.destroy();
});
after(() => hearth[Symbol.asyncDispose]());

interface Answer {
  readonly status: number;
  readonly code: string;
  readonly text: string;
}

interface Wanted {
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: string;
}

async function send({ method, path, query = {}, body: given = "" }: Wanted): Promise<Answer> {
  const body = method === "GET" || method === "DELETE" ? "" : given;
  const url = new URL(path, hearth.url);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const { host: _, ...headers } = signRequest({
    ...{ method, url, body, region: REGION, service: "lambda", timeMs: Date.now() },
    credentials: hearth.credentials,
  });
  const response = await fetch(url, { method, headers, ...(body === "" ? {} : { body }) });
  const text = await response.text();
  const code = response.headers.get("x-amzn-errortype") ?? "";
  return { status: response.status, code, text };
}

type Labels = Readonly<Record<string, string>>;

/** Names of things of the right form; the function is there, or is not. */
function labelsFor(functionName: string): Labels {
  const arn = `arn:aws:lambda:${REGION}:${hearth.owner}`;
  const functionArn = `${arn}:function:${functionName}`;
  const uuid = "01234567-89ab-4def-8123-456789abcdef";
  return {
    ...{ FunctionName: functionName, Resource: functionArn, ResourceArn: functionArn },
    ...{ Name: "nothing", LayerName: "nothing", VersionNumber: "1", StatementId: "nothing" },
    ...{ CapacityProviderName: "nothing", UUID: uuid, CallbackId: "bm90aGluZw==" },
    CodeSigningConfigArn: `${arn}:code-signing-config:csc-0123456789abcdef0`,
    DurableExecutionArn: `${functionArn}:1/durable-execution/${uuid}/${uuid}`,
  };
}

function pathWith(path: string, labels: Labels): string {
  return path.replace(/\{(\w+)\+?\}/g, (_, name: string) => encodeURIComponent(labels[name] ?? ""));
}

/** What the model cannot say: values that are right, for members that must be there. */
function rightBody(operation: string): Record<string, unknown> {
  return JSON.parse(JSON.stringify(BODIES[operation] ?? {}));
}

const BODIES: Readonly<Record<string, object>> = {
  CheckpointDurableExecution: { CheckpointToken: "x" },
  PutFunctionCodeSigningConfig: {
    CodeSigningConfigArn:
      "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-0123456789abcdef0",
  },
  PutResourcePolicy: {
    Policy: JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Principal: "*", Action: "lambda:InvokeFunction", Resource: "*" },
      ],
    }),
  },
  CreateAlias: { Name: "nothing", FunctionVersion: "1" },
  UpdateFunctionCode: { ZipFile: "MQ==" },
  TagResource: { Tags: { a: "b" } },
  PutFunctionConcurrency: { ReservedConcurrentExecutions: 1 },
  PutProvisionedConcurrencyConfig: { ProvisionedConcurrentExecutions: 1 },
  CreateFunctionUrlConfig: { AuthType: "NONE" },
  PutFunctionEventInvokeConfig: { MaximumRetryAttempts: 1 },
  UpdateFunctionEventInvokeConfig: { MaximumRetryAttempts: 1 },
  AddPermission: { StatementId: "a", Action: "lambda:InvokeFunction", Principal: "123456789012" },
  PutFunctionRecursionConfig: { RecursiveLoop: "Allow" },
  PutRuntimeManagementConfig: { UpdateRuntimeOn: "Auto" },
  AddLayerVersionPermission: { StatementId: "a", Action: "lambda:GetLayerVersion", Principal: "*" },
};

const RIGHT_QUERIES: Readonly<Record<string, string>> = { Qualifier: "1", tagKeys: "a" };

function rightQuery(members: readonly MemberModel[]): Record<string, string> {
  const wanted = members.filter(({ place, required }) => place === "query" && required);
  return Object.fromEntries(
    wanted.map(({ wireName }) => [wireName, RIGHT_QUERIES[wireName] ?? "x"]),
  );
}

/** Why an answer is none that a client of AWS knows; undefined when it is one. */
function complaint({ status, code, text }: Answer): string | undefined {
  if (status < 400 || status >= 500) return `status ${status}`;
  if (!KNOWN_ERRORS.has(code)) return `unknown error ${code}`;
  const body = JSON.parse(text) as Record<string, unknown>;
  if (typeof (body.message ?? body.Message) !== "string") return `no message in ${text}`;
  return body.Type === "User" ? undefined : `no type in ${text}`;
}

test("Routes: every operation has the method and path of AWS's model", () => {
  for (const [index, model] of MODELS.entries()) {
    const route = ROUTES[index];
    const bare = (path = ""): string => path.replace(/\/$/, "");
    assert.deepEqual(
      [route?.method, bare(route?.pattern)],
      [model.method, bare(model.path)],
      model.name,
    );
  }
});

const WRONG: Readonly<Record<Kind, readonly unknown[]>> = {
  string: [{}, []],
  number: ["x", {}],
  boolean: ["perhaps", {}],
  timestamp: [{}],
  blob: [{}, 7],
  list: ["x", {}],
  object: ["x", []],
};

test("Bad input: members of a wrong type", async () => {
  const found: string[] = [];
  for (const { name, method, path, members } of MODELS) {
    for (const member of members.filter(({ place }) => place === "body")) {
      for (const wrong of WRONG[member.kind]) {
        const body = JSON.stringify({ ...rightBody(name), [member.name]: wrong });
        const target = pathWith(path, labelsFor("present"));
        const answer = await send({ method, path: target, query: rightQuery(members), body });
        const problem =
          complaint(answer) ?? (answer.code === "SerializationException" ? undefined : answer.code);
        if (problem !== undefined) {
          found.push(`${name}.${member.name} ${JSON.stringify(wrong)}: ${problem}`);
        }
      }
    }
  }
  assert.deepEqual(found, []);
});

test("Bad input: bodies that are no JSON object", async () => {
  const found: string[] = [];
  for (const { name, method, path, members } of MODELS) {
    if (!members.some(({ place }) => place === "body")) continue;
    for (const body of ["{", "[]", "7", '"x"', "\xff"]) {
      const target = pathWith(path, labelsFor("present"));
      const answer = await send({ method, path: target, query: rightQuery(members), body });
      const isRight = /^(SerializationException|InvalidRequestContentException)$/.test(answer.code);
      const problem = complaint(answer) ?? (isRight ? undefined : answer.code);
      if (problem !== undefined) found.push(`${name} ${body}: ${problem}`);
    }
  }
  assert.deepEqual(found, []);
});

/** Where AWS answers otherwise than with ResourceNotFoundException; "" is success. */
const OTHERWISE: Readonly<Record<string, string>> = {
  ...{ ListLayerVersions: "", DeleteLayerVersion: "" },
  // Ids and tokens are opaque to clients: what was never given out is invalid.
  CheckpointDurableExecution: "InvalidParameterValueException",
  GetDurableExecutionState: "InvalidParameterValueException",
  SendDurableExecutionCallbackSuccess: "InvalidParameterValueException",
  SendDurableExecutionCallbackFailure: "InvalidParameterValueException",
  SendDurableExecutionCallbackHeartbeat: "InvalidParameterValueException",
};

test("Bad input: things that are not there, with and without unknown members", async () => {
  const found: string[] = [];
  for (const { name, method, path, members } of MODELS) {
    const isOfSomething = members.some(({ place }) => place === "label");
    if (!isOfSomething || name === "PublishLayerVersion") continue;
    const target = { method, path: pathWith(path, labelsFor("nobody")) };
    const query = rightQuery(members);
    const answer = await send({ ...target, query, body: JSON.stringify(rightBody(name)) });
    const problem = answer.status < 300 ? undefined : complaint(answer);
    const expected = OTHERWISE[name] ?? "ResourceNotFoundException";
    if (problem !== undefined || answer.code !== expected) {
      found.push(`${name}: ${problem ?? answer.text}`);
    }
    const more = { ...rightBody(name), Unknown: { a: [1] } };
    const unknown = { query: { ...query, Unknown: "x" }, body: JSON.stringify(more) };
    const again = await send({ ...target, ...unknown });
    if (again.code !== expected) found.push(`${name} with unknown members: ${again.code}`);
  }
  assert.deepEqual(found, []);
});

test("Bad input: names that cannot be", async () => {
  const found: string[] = [];
  for (const { name, method, path, members } of MODELS) {
    for (const label of members.filter(({ place }) => place === "label")) {
      for (const wrong of ["!", "a b", "x".repeat(2000), "%00", "é", "arn:aws:lambda"]) {
        const labels = { ...labelsFor("present"), [label.name]: wrong };
        const body = JSON.stringify(rightBody(name));
        const target = { method, path: pathWith(path, labels), query: rightQuery(members), body };
        const problem = complaint(await send(target));
        if (problem !== undefined) {
          found.push(`${name}.${label.name} ${wrong.slice(0, 20)}: ${problem}`);
        }
      }
    }
  }
  assert.deepEqual(found, []);
});

test("Bad input: numbers out of bounds", async () => {
  const found: string[] = [];
  for (const { name, method, path, members } of MODELS) {
    for (const member of members) {
      if (member.place !== "body" || member.kind !== "number") continue;
      for (const wrong of [-5, 1e12, 1.5]) {
        const body = JSON.stringify({ ...rightBody(name), [member.name]: wrong });
        const target = { method, path: pathWith(path, labelsFor("present")) };
        const answer = await send({ ...target, query: rightQuery(members), body });
        const isRight = /^(Validation|InvalidParameterValue|Serialization)Exception$/.test(
          answer.code,
        );
        const problem = complaint(answer) ?? (isRight ? undefined : answer.code);
        if (problem !== undefined) found.push(`${name}.${member.name} ${wrong}: ${problem}`);
      }
    }
  }
  assert.deepEqual(found, []);
});

test("Bad input: texts and queries that nobody would send", async () => {
  const found: string[] = [];
  const texts = [
    "x".repeat(200_000),
    "\u0000",
    "\ud83d\ude00",
    "../../etc/passwd",
    "'; DROP TABLE document; --",
  ];
  for (const { name, method, path, members } of MODELS) {
    for (const member of members) {
      const isQuery = member.place === "query";
      if (!isQuery && (member.place !== "body" || member.kind !== "string")) continue;
      for (const text of texts) {
        // The request line is bounded for itself.
        if (isQuery && text.length > 1000) continue;
        const target = { method, path: pathWith(path, labelsFor("present")) };
        const query = { ...rightQuery(members), ...(isQuery ? { [member.wireName]: text } : {}) };
        const body = { ...rightBody(name), ...(isQuery ? {} : { [member.name]: text }) };
        const answer = await send({ ...target, query, body: JSON.stringify(body) });
        const problem = answer.status < 300 ? undefined : complaint(answer);
        if (problem !== undefined)
          found.push(`${name}.${member.name} ${text.slice(0, 9)}: ${problem}`);
      }
    }
  }
  assert.deepEqual(found, []);
});

test("Bad input: MaxItems out of bounds", async () => {
  const found: string[] = [];
  for (const { name, method, path, members } of MODELS) {
    const member = members.find((each) => each.name === "MaxItems" && each.place === "query");
    if (member === undefined) continue;
    for (const wrong of ["-1", "1000000", "x", "1.5"]) {
      const query = { ...rightQuery(members), [member.wireName]: wrong };
      const target = pathWith(path, labelsFor("present"));
      const answer = await send({ method, path: target, query });
      const isRight = /^(Validation|InvalidParameterValue|Serialization)Exception$/.test(
        answer.code,
      );
      const problem = complaint(answer) ?? (isRight ? undefined : answer.code);
      if (problem !== undefined) found.push(`${name} ${wrong}: ${problem}`);
    }
  }
  assert.deepEqual(found, []);
});

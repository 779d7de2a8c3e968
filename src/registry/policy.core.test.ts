import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ownerOf } from "../model/mod.ts";
import { matchesArn, matchesGlob } from "./glob.core.ts";
import {
  type PolicyDocument,
  type PolicyPrincipal,
  type PolicyRequest,
  type PolicyStatement,
  verdictOf,
} from "./policy.core.ts";

const ARN = "arn:aws:lambda:us-east-1:111111111111:function:f";
const BOB: PolicyPrincipal = {
  ...{ kind: "account", owner: ownerOf("222222222222"), arn: "arn:aws:iam::222222222222:root" },
};
const ROLE: PolicyPrincipal = {
  ...{ kind: "account", owner: ownerOf("222222222222") },
  arn: "arn:aws:sts::222222222222:assumed-role/worker/session",
};
const ALLOW: PolicyStatement = {
  Effect: "Allow",
  Principal: { AWS: "arn:aws:iam::222222222222:root" },
  Action: "lambda:InvokeFunction",
  Resource: ARN,
};

function policy(...Statement: PolicyStatement[]): PolicyDocument {
  return { Version: "2012-10-17", Id: "default", Statement };
}

function ask(more: Partial<PolicyRequest> = {}): PolicyRequest {
  return { principal: BOB, action: "lambda:InvokeFunction", ...more };
}

function isAllowed(statement: Partial<PolicyStatement>, request = ask(), resource = ARN): boolean {
  return verdictOf(policy({ ...ALLOW, ...statement }), resource, request) === "allowed";
}

test("Policy: principal is an account, an identity, everybody or a service", () => {
  for (const AWS of ["222222222222", "arn:aws:iam::222222222222:root", "*"]) {
    assert.ok(isAllowed({ Principal: { AWS: ["999999999999", AWS] } }));
  }
  assert.ok(isAllowed({ Principal: "*" }, ask({ principal: { kind: "anonymous" } })));
  assert.ok(isAllowed({ Principal: { AWS: "*" } }, ask({ principal: { kind: "anonymous" } })));
  assert.ok(!isAllowed({}, ask({ principal: { kind: "anonymous" } })));
  assert.ok(!isAllowed({ Principal: { AWS: "arn:aws:iam::222222222222:user/bob" } }));
  const role = { Principal: { AWS: "arn:aws:iam::222222222222:role/worker" } };
  assert.ok(isAllowed(role, ask({ principal: ROLE })));
  assert.ok(!isAllowed(role));
  const service: PolicyPrincipal = { kind: "service", service: "s3.amazonaws.com" };
  assert.ok(isAllowed({ Principal: { Service: "s3.amazonaws.com" } }, ask({ principal: service })));
  assert.ok(!isAllowed({ Principal: { Service: "s3.amazonaws.com" } }));
  assert.ok(!isAllowed({}, ask({ principal: service })));
});

test("Policy: actions match with wildcards whatever their case, resources exactly", () => {
  for (const Action of ["*", "lambda:*", "lambda:Invoke*", "LAMBDA:invokefunction"]) {
    assert.ok(isAllowed({ Action }));
  }
  assert.ok(!isAllowed({ Action: ["lambda:GetFunction", "lambda:InvokeFunctionUrl"] }));
  assert.ok(!isAllowed({}, ask(), `${ARN}:live`));
  assert.ok(isAllowed({ Resource: `${ARN}:*` }, ask(), `${ARN}:live`));
  assert.ok(!isAllowed({ Resource: ARN.toUpperCase() }));
});

test("Policy: conditions are fulfilled by what the request says", () => {
  const met = (Condition: PolicyStatement["Condition"], context: Record<string, string> = {}) =>
    isAllowed(Condition ? { Condition } : {}, ask({ context }));
  const source = { ArnLike: { "AWS:SourceArn": "arn:aws:s3:::bucket/*" } };
  assert.ok(met(source, { "aws:SourceArn": "arn:aws:s3:::bucket/key:1" }));
  assert.ok(!met(source, { "aws:SourceArn": "arn:aws:s3:::other/key" }));
  assert.ok(!met(source), "a key that the request does not have");
  assert.ok(met({ StringEquals: { "aws:principalaccount": ["1", "222222222222"] } }));
  assert.ok(met({ StringLike: { "aws:PrincipalArn": "arn:aws:iam::22*:root" } }));
  assert.ok(!met({ StringEquals: { "aws:PrincipalOrgID": "o-aaaaaaaaaa" } }));
  const url = {
    StringEquals: { "lambda:FunctionUrlAuthType": "NONE" },
    Bool: { "lambda:InvokedViaFunctionUrl": "true" },
  };
  const context = { "lambda:FunctionUrlAuthType": "NONE", "lambda:InvokedViaFunctionUrl": "true" };
  assert.ok(met(url, context));
  assert.ok(!met(url, { ...context, "lambda:InvokedViaFunctionUrl": "false" }));
});

test("Policy: what Hearth does not know never allows and always denies", () => {
  for (const Condition of [
    { IpAddress: { "aws:SourceIp": "0.0.0.0/0" } },
    { StringEquals: { "aws:RequestedRegion": "us-east-1" } },
    { StringNotEquals: { "aws:SourceAccount": "1" } },
    { constructor: { "aws:SourceAccount": "1" } },
  ]) {
    assert.ok(!isAllowed({ Condition }));
    const denied = policy(ALLOW, { ...ALLOW, Effect: "Deny", Condition });
    assert.equal(verdictOf(denied, ARN, ask()), "denied");
  }
  const other = { StringEquals: { "aws:SourceAccount": "1" } };
  const notDenied = policy(ALLOW, { ...ALLOW, Effect: "Deny", Condition: other });
  assert.equal(verdictOf(notDenied, ARN, ask()), "allowed");
  assert.equal(verdictOf(policy(), ARN, ask()), "silent");
});

const statements = fc.array(
  fc.record({
    Effect: fc.constantFrom("Allow" as const, "Deny" as const),
    Principal: fc.constantFrom("*" as const, { AWS: "222222222222" }, { AWS: "333333333333" }),
    Action: fc.constantFrom("*", "lambda:*", "lambda:InvokeFunction", "lambda:GetFunction"),
    Resource: fc.constantFrom("*", ARN, `${ARN}:live`),
  }),
);

test("Policy: order does not matter, one Deny wins, Allow only adds", () => {
  fc.assert(
    fc.property(statements, statements, (some, others) => {
      const verdict = verdictOf(policy(...some, ...others), ARN, ask());
      assert.equal(verdictOf(policy(...others, ...some), ARN, ask()), verdict);
      const parts = [some, others].map((part) => verdictOf(policy(...part), ARN, ask()));
      const expected = ["denied", "allowed", "silent"].find((one) => parts.some((p) => p === one));
      assert.equal(verdict, expected);
      if (!some.some(({ Effect }) => Effect === "Allow")) assert.notEqual(parts[0], "allowed");
    }),
  );
});

test("Glob: agrees with a regular expression", () => {
  const letters = fc.array(fc.constantFrom("a", "b", "*", "?"), { maxLength: 8 });
  const texts = fc.array(fc.constantFrom("a", "b"), { maxLength: 10 });
  fc.assert(
    fc.property(letters, texts, (pattern, text) => {
      const source = pattern.join("").replaceAll("*", ".*").replaceAll("?", ".");
      const expected = new RegExp(`^${source}$`).test(text.join(""));
      assert.equal(matchesGlob(pattern.join(""), text.join("")), expected);
    }),
  );
});

test("Glob: a pattern made to be slow is not", () => {
  const pattern = "*a".repeat(2000);
  assert.equal(matchesGlob(`${pattern}b`, "a".repeat(20_000)), false);
});

test("Arn: parts are compared one by one", () => {
  assert.equal(matchesArn("arn:aws:sns:*:1:t", "arn:aws:sns:eu-west-1:1:t"), true);
  assert.equal(matchesArn("arn:aws:sns:*:t", "arn:aws:sns:eu-west-1:1:t"), undefined);
  assert.equal(matchesArn("arn:aws:s3:::b/*", "arn:aws:s3:::b/x:y"), true);
  assert.equal(matchesArn("arn:aws:s3:::b", "b"), false);
});

import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  AddPermissionCommand,
  CreateAliasCommand,
  CreateCapacityProviderCommand,
  CreateEventSourceMappingCommand,
  DeleteCapacityProviderCommand,
  DeleteFunctionCommand,
  DeleteResourcePolicyCommand,
  GetCapacityProviderCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  GetFunctionRecursionConfigCommand,
  GetFunctionScalingConfigCommand,
  GetPolicyCommand,
  GetResourcePolicyCommand,
  GetRuntimeManagementConfigCommand,
  InvalidParameterValueException,
  InvokeCommand,
  type LambdaClient,
  ListEventSourceMappingsCommand,
  ListFunctionVersionsByCapacityProviderCommand,
  PolicyLengthExceededException,
  PreconditionFailedException,
  PublishVersionCommand,
  PutFunctionRecursionConfigCommand,
  PutFunctionScalingConfigCommand,
  PutResourcePolicyCommand,
  PutRuntimeManagementConfigCommand,
  paginateListCapacityProviders,
  RemovePermissionCommand,
  ResourceConflictException,
  ResourceNotFoundException,
  UpdateCapacityProviderCommand,
} from "@aws-sdk/client-lambda";
import { build } from "esbuild";
import { call, deploy, handlerFile } from "../support/functions.ts";
import { startHearth } from "../support/hearth.ts";

/** Policies and settings of functions through the AWS SDK, with two accounts of a live server. */

const hearth = await startHearth();
const other = await hearth.createOwner("guest");
const lambda = hearth.lambda();
const guest = hearth.lambda(other);
const FunctionName = "shared";
const ARN = `arn:aws:lambda:${hearth.region}:${hearth.owner}:function:${FunctionName}`;
const PERMISSION = {
  FunctionName,
  StatementId: "guest",
  Action: "lambda:InvokeFunction",
  Principal: other.owner,
};
const REFUSED = { name: "AccessDeniedException", $fault: "client" };

await deploy(lambda, {
  name: FunctionName,
  files: handlerFile("return context.invokedFunctionArn;"),
});
await lambda.send(new PublishVersionCommand({ FunctionName }));
await lambda.send(new CreateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "1" }));

after(async () => {
  lambda.destroy();
  guest.destroy();
  await hearth[Symbol.asyncDispose]();
});

test("OWN-4: another account is refused, let in by a permission, refused without it", async () => {
  await assert.rejects(call(guest, ARN), REFUSED);
  const added = await lambda.send(new AddPermissionCommand(PERMISSION));
  assert.deepEqual(JSON.parse(added.Statement ?? ""), {
    Sid: "guest",
    Effect: "Allow",
    Principal: { AWS: `arn:aws:iam::${other.owner}:root` },
    Action: "lambda:InvokeFunction",
    Resource: ARN,
  });
  assert.equal((await call(guest, ARN)).value, ARN);
  assert.equal((await call(guest, `${hearth.owner}:function:${FunctionName}`)).value, ARN);
  const dry = await guest.send(new InvokeCommand({ FunctionName: ARN, InvocationType: "DryRun" }));
  assert.equal(dry.StatusCode, 204);
  await assert.rejects(guest.send(new GetFunctionCommand({ FunctionName: ARN })), REFUSED);
  const { Policy, RevisionId } = await lambda.send(new GetPolicyCommand({ FunctionName }));
  assert.equal(JSON.parse(Policy ?? "").Statement.length, 1);
  const remove = { FunctionName, StatementId: "guest" };
  await assert.rejects(
    lambda.send(new RemovePermissionCommand({ ...remove, RevisionId: "stale" })),
    PreconditionFailedException,
  );
  await lambda.send(new RemovePermissionCommand({ ...remove, RevisionId }));
  await assert.rejects(call(guest, ARN), REFUSED);
});

test("OWN-4: a permission for an alias opens the alias alone", async () => {
  await lambda.send(new AddPermissionCommand({ ...PERMISSION, Qualifier: "live" }));
  assert.equal((await call(guest, `${ARN}:live`)).value, `${ARN}:live`);
  assert.equal((await call(guest, ARN, {}, "live")).value, `${ARN}:live`);
  await assert.rejects(call(guest, ARN), REFUSED);
  await assert.rejects(call(guest, `${ARN}:1`), REFUSED);
  const remove = { FunctionName, StatementId: "guest", Qualifier: "live" };
  await lambda.send(new RemovePermissionCommand(remove));
  await assert.rejects(call(guest, `${ARN}:live`), REFUSED);
});

test("Policies: a whole policy is put, read and deleted by ARN", async () => {
  const Policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal: { AWS: other.owner }, Action: "lambda:*", Resource: ARN },
      { Effect: "Deny", Principal: "*", Action: "lambda:Delete*", Resource: ARN },
    ],
  });
  const put = await lambda.send(new PutResourcePolicyCommand({ ResourceArn: ARN, Policy }));
  assert.equal(put.Policy, Policy);
  const got = await lambda.send(new GetResourcePolicyCommand({ ResourceArn: ARN }));
  assert.deepEqual([got.Policy, got.RevisionId], [Policy, put.RevisionId]);
  const seen = await guest.send(new GetFunctionCommand({ FunctionName: ARN }));
  assert.equal(seen.Configuration?.FunctionArn, ARN);
  assert.equal((await fetch(seen.Code?.Location ?? "")).status, 200);
  await assert.rejects(guest.send(new DeleteFunctionCommand({ FunctionName: ARN })), REFUSED);
  await lambda.send(new DeleteResourcePolicyCommand({ ResourceArn: ARN }));
  await assert.rejects(call(guest, ARN), REFUSED);
});

test("Policies: bad input becomes the SDK's exceptions", async () => {
  const add = (more: object) => lambda.send(new AddPermissionCommand({ ...PERMISSION, ...more }));
  await add({ StatementId: "once" });
  await assert.rejects(add({ StatementId: "once" }), ResourceConflictException);
  await assert.rejects(add({ Principal: "nobody" }), InvalidParameterValueException);
  await assert.rejects(add({ Action: "s3:GetObject" }), { name: "ValidationException" });
  await assert.rejects(add({ FunctionName: "none" }), ResourceNotFoundException);
  await assert.rejects(add({ Qualifier: "$LATEST" }), InvalidParameterValueException);
  const ResourceArn = ARN;
  await assert.rejects(
    lambda.send(new PutResourcePolicyCommand({ ResourceArn, Policy: "[" })),
    InvalidParameterValueException,
  );
  await assert.rejects(
    lambda.send(new PutResourcePolicyCommand({ ResourceArn, Policy: " ".repeat(50_000) })),
    PolicyLengthExceededException,
  );
  const remove = { FunctionName, StatementId: "never" };
  await assert.rejects(lambda.send(new RemovePermissionCommand(remove)), ResourceNotFoundException);
  await lambda.send(new RemovePermissionCommand({ FunctionName, StatementId: "once" }));
});

/** A function that calls itself `event.again` times, through the SDK that it brings along. */
async function recursiveFunction(): Promise<Record<string, string>> {
  const { outputFiles } = await build({
    stdin: {
      contents: `
        import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
        const lambda = new LambdaClient({ maxAttempts: 1 });
        export const handler = async ({ again = 0 }, context) => {
          if (again === 0) return { trace: process.env._X_AMZN_TRACE_ID };
          const Payload = JSON.stringify({ again: again - 1 });
          const FunctionName = context.functionName;
          try {
            const answer = await lambda.send(new InvokeCommand({ FunctionName, Payload }));
            return JSON.parse(Buffer.from(answer.Payload).toString());
          } catch (error) {
            return { error: error.name, message: error.message };
          }
        };`,
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    platform: "node",
    format: "cjs",
    write: false,
  });
  return { "index.js": outputFiles[0]?.text ?? "" };
}

/** A client that continues the chain of calls of a trace header. */
function continuing(trace: string): LambdaClient {
  const client = hearth.lambda();
  client.middlewareStack.add(
    (next) => (args) => {
      (args.request as { headers: Record<string, string> }).headers["X-Amzn-Trace-Id"] = trace;
      return next(args);
    },
    { step: "build" },
  );
  return client;
}

test("CALL-9: a function that calls itself is stopped after 16 runs, unless it may", async () => {
  const name = "recursive";
  await deploy(lambda, { name, files: await recursiveFunction(), more: { Timeout: 30 } });
  const { value: inner } = await call(lambda, name, { again: 2 });
  assert.match(inner.trace, /;Lineage=[0-9a-f]{8}:2$/, "the SDK inside carries the chain on");
  const late = continuing(inner.trace.replace(/:2$/, ":14"));
  const { value: stopped } = await call(late, name, { again: 1 });
  assert.equal(stopped.error, "RecursiveInvocationException");
  assert.match(stopped.message, /^Lambda has detected your function being invoked in a recursive/);
  const config = { FunctionName: name };
  const before = await lambda.send(new GetFunctionRecursionConfigCommand(config));
  assert.equal(before.RecursiveLoop, "Terminate");
  await lambda.send(new PutFunctionRecursionConfigCommand({ ...config, RecursiveLoop: "Allow" }));
  const { value: allowed } = await call(late, name, { again: 1 });
  assert.match(allowed.trace, /;Lineage=[0-9a-f]{8}:16$/);
  late.destroy();
});

test("Settings: runtime management and event sources as the SDK sees them", async () => {
  const configuration = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const RuntimeVersionArn = configuration.RuntimeVersionConfig?.RuntimeVersionArn;
  const pin = { FunctionName, UpdateRuntimeOn: "Manual", RuntimeVersionArn } as const;
  await lambda.send(new PutRuntimeManagementConfigCommand(pin));
  const pinned = await lambda.send(new GetRuntimeManagementConfigCommand({ FunctionName }));
  assert.equal(pinned.RuntimeVersionArn, RuntimeVersionArn);
  const EventSourceArn = `arn:aws:sqs:${hearth.region}:${hearth.owner}:queue`;
  const create = new CreateEventSourceMappingCommand({ FunctionName, EventSourceArn });
  await assert.rejects(lambda.send(create), InvalidParameterValueException);
  const list = await lambda.send(new ListEventSourceMappingsCommand({ FunctionName }));
  assert.deepEqual(list.EventSourceMappings, []);
});

test("Capacity providers: a function lives on one, which bounds its environments", async () => {
  const CapacityProviderName = "pool";
  const { CapacityProvider } = await lambda.send(
    new CreateCapacityProviderCommand({
      CapacityProviderName,
      VpcConfig: { SubnetIds: ["subnet-1"], SecurityGroupIds: ["sg-1"] },
      PermissionsConfig: {
        CapacityProviderOperatorRoleArn: `arn:aws:iam::${hearth.owner}:role/operator`,
      },
    }),
  );
  const CapacityProviderArn = CapacityProvider?.CapacityProviderArn ?? "";
  await lambda.send(
    new UpdateCapacityProviderCommand({
      CapacityProviderName,
      CapacityProviderScalingConfig: { MaxVCpuCount: 4 },
    }),
  );
  const shown = await lambda.send(new GetCapacityProviderCommand({ CapacityProviderName }));
  assert.equal(shown.CapacityProvider?.State, "Active");
  const names: (string | undefined)[] = [];
  for await (const page of paginateListCapacityProviders({ client: lambda }, {})) {
    names.push(...(page.CapacityProviders ?? []).map((one) => one.CapacityProviderArn));
  }
  assert.deepEqual(names, [CapacityProviderArn]);
  const config = { LambdaManagedInstancesCapacityProviderConfig: { CapacityProviderArn } };
  const more = { CapacityProviderConfig: config, Publish: true };
  await deploy(lambda, { name: "managed", files: handlerFile("return 'here';"), more });
  const versions = await lambda.send(
    new ListFunctionVersionsByCapacityProviderCommand({ CapacityProviderName }),
  );
  assert.equal(versions.FunctionVersions?.length, 2);
  assert.equal((await call(lambda, "managed", {}, "1")).value, "here");
  const version = { FunctionName: "managed", Qualifier: "1" };
  const FunctionScalingConfig = { MaxExecutionEnvironments: 0 };
  await lambda.send(new PutFunctionScalingConfigCommand({ ...version, FunctionScalingConfig }));
  await assert.rejects(call(lambda, "managed", {}, "1"), { name: "TooManyRequestsException" });
  const scaling = await lambda.send(new GetFunctionScalingConfigCommand(version));
  assert.deepEqual(scaling.AppliedFunctionScalingConfig, FunctionScalingConfig);
  const remove = new DeleteCapacityProviderCommand({ CapacityProviderName });
  await assert.rejects(lambda.send(remove), ResourceConflictException);
  await lambda.send(new DeleteFunctionCommand({ FunctionName: "managed" }));
  await lambda.send(remove);
});

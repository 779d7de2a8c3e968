import Type from "typebox";
import type { LogGroupDescription, LogGroupRecord } from "../../monitoring/mod.ts";
import { whole } from "../lambda/validation.ts";
import { invalidParameter } from "./errors.ts";
import { decodeToken, encodeToken, GroupName, groupArn, Token } from "./names.ts";
import { type LogsCall, type Operation, operation } from "./operation.ts";
import { Tags } from "./tags.ts";

const LIMIT_DEFAULT = 50;

/** Source: .../APIReference/API_CreateLogGroup.html */
export const createLogGroup: Operation = operation(
  Type.Object({
    logGroupName: GroupName,
    tags: Type.Optional(Tags),
    kmsKeyId: Type.Optional(Type.String({ maxLength: 256 })),
    logGroupClass: Type.Optional(Type.Enum(["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"])),
    deletionProtectionEnabled: Type.Optional(Type.Boolean()),
  }),
  async ({ services, owner }, input) => {
    const { logGroupName, kmsKeyId, logGroupClass = "STANDARD" } = input;
    if (logGroupName.startsWith("aws/")) {
      throw invalidParameter("Log groups starting with AWS/ are reserved for AWS.");
    }
    if (kmsKeyId !== undefined) throw invalidParameter("Hearth has no keys for kmsKeyId.");
    if (logGroupClass !== "STANDARD") {
      throw invalidParameter(`Hearth has no log groups of class ${logGroupClass}.`);
    }
    if (input.deletionProtectionEnabled === true) {
      throw invalidParameter("Hearth has no protection of log groups against deletion.");
    }
    await services.logs.createGroup(owner, logGroupName, input.tags ?? {});
  },
);

/** Source: .../APIReference/API_DeleteLogGroup.html */
export const deleteLogGroup: Operation = operation(
  Type.Object({ logGroupName: GroupName }),
  ({ services, owner }, { logGroupName }) => services.logs.removeGroup(owner, logGroupName),
);

/** Source: .../APIReference/API_DescribeLogGroups.html */
export const describeLogGroups: Operation = operation(
  Type.Object({
    logGroupNamePrefix: Type.Optional(GroupName),
    logGroupNamePattern: Type.Optional(
      Type.String({ maxLength: 512, pattern: whole("[\\.\\-_/#A-Za-z0-9]*") }),
    ),
    nextToken: Type.Optional(Token),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 50 })),
  }),
  async (call, input) => {
    const { logGroupNamePrefix: prefix, logGroupNamePattern: pattern = "" } = input;
    if (prefix !== undefined && pattern !== "") {
      throw invalidParameter(
        "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
      );
    }
    const wanted = pattern.toLowerCase();
    const { groups, next } = await matchingGroups(call, {
      matches: ({ name }) => name.toLowerCase().includes(wanted),
      after: decodeToken(input.nextToken),
      limit: input.limit ?? LIMIT_DEFAULT,
      ...(prefix === undefined ? {} : { prefix }),
    });
    const { owner, services } = call;
    const described: LogGroupDescription[] = [];
    for (const group of groups) described.push(await services.logs.describe(owner, group));
    return { logGroups: described.map((group) => groupShape(call, group)), ...next };
  },
);

/** Up to five names or beginnings of names, parted by `|`. */
const NAME_PATTERN = "\\^?[\\.\\-_\\/#A-Za-z0-9]{3,24}";

/** Source: .../APIReference/API_ListLogGroups.html */
export const listLogGroups: Operation = operation(
  Type.Object({
    logGroupNamePattern: Type.Optional(
      Type.String({
        minLength: 3,
        maxLength: 129,
        pattern: whole(`(${NAME_PATTERN})(\\|${NAME_PATTERN}){0,4}`),
      }),
    ),
    nextToken: Type.Optional(Token),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
  }),
  async (call, input) => {
    const parts = input.logGroupNamePattern?.split("|") ?? [""];
    const { groups, next } = await matchingGroups(call, {
      matches: ({ name }) =>
        parts.some((part) =>
          part.startsWith("^") ? name.startsWith(part.slice(1)) : name.includes(part),
        ),
      after: decodeToken(input.nextToken),
      limit: input.limit ?? LIMIT_DEFAULT,
    });
    const logGroups = groups.map(({ name }) => ({
      logGroupName: name,
      logGroupArn: groupArn(call, name),
      logGroupClass: "STANDARD",
    }));
    return { logGroups, ...next };
  },
);

/** What AWS allows. Source: .../APIReference/API_PutRetentionPolicy.html */
const RETENTION_DAYS: number[] = [
  ...[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922],
  ...[3288, 3653],
];

export const putRetentionPolicy: Operation = operation(
  Type.Object({ logGroupName: GroupName, retentionInDays: Type.Integer() }),
  async ({ services, owner }, { logGroupName, retentionInDays }) => {
    if (!RETENTION_DAYS.includes(retentionInDays)) {
      throw invalidParameter(
        `1 validation error detected: Value '${retentionInDays}' at 'retentionInDays' failed to ` +
          "satisfy constraint: Member must satisfy enum value set: " +
          `[${RETENTION_DAYS.join(", ")}]`,
      );
    }
    await services.logs.retain(owner, logGroupName, retentionInDays);
  },
);

/** Source: .../APIReference/API_DeleteRetentionPolicy.html */
export const deleteRetentionPolicy: Operation = operation(
  Type.Object({ logGroupName: GroupName }),
  ({ services, owner }, { logGroupName }) => services.logs.retain(owner, logGroupName, undefined),
);

interface GroupSearch {
  readonly prefix?: string;
  readonly after: string | undefined;
  readonly limit: number;
  matches(group: LogGroupRecord): boolean;
}

const READ_PAGE = 1000;

/** One page of the caller's groups, by name. */
async function matchingGroups(
  { services, owner }: LogsCall,
  { prefix, after, limit, matches }: GroupSearch,
): Promise<{ groups: LogGroupRecord[]; next: { nextToken?: string } }> {
  const groups: LogGroupRecord[] = [];
  const wanted = prefix === undefined ? {} : { prefix };
  for (let position = after; ; ) {
    const page = await services.logs.groups(owner, {
      ...wanted,
      ...(position === undefined ? {} : { after: position }),
      limit: READ_PAGE,
    });
    for (const group of page.filter(matches)) {
      const last = groups.at(-1);
      if (groups.length === limit && last !== undefined) {
        return { groups, next: { nextToken: encodeToken(last.name) } };
      }
      groups.push(group);
    }
    if (page.length < READ_PAGE) return { groups, next: {} };
    position = page.at(-1)?.name;
  }
}

function groupShape(call: LogsCall, group: LogGroupDescription): Record<string, unknown> {
  const { name, createdMs, retentionDays, storedBytes } = group;
  return {
    logGroupName: name,
    creationTime: createdMs,
    ...(retentionDays === undefined ? {} : { retentionInDays: retentionDays }),
    metricFilterCount: 0,
    arn: `${groupArn(call, name)}:*`,
    storedBytes,
    logGroupClass: "STANDARD",
    logGroupArn: groupArn(call, name),
  };
}

import Type from "typebox";
import { LogsError } from "./errors.ts";
import { GroupName, groupOfArn } from "./names.ts";
import { type Operation, operation } from "./operation.ts";

const TAGS_MAX = 50;
const Key = Type.String({ minLength: 1, maxLength: 128 });
const ResourceArn = Type.String({ minLength: 1, maxLength: 1011 });

/** Source: .../APIReference/API_TagResource.html */
export const Tags: Type.TRecord<string, Type.TString> = Type.Record(
  Type.String(),
  Type.String({ maxLength: 256 }),
  {
    minProperties: 1,
    maxProperties: TAGS_MAX,
  },
);

type TagMap = Readonly<Record<string, string>>;

export const tagResource: Operation = operation(
  Type.Object({ resourceArn: ResourceArn, tags: Tags }),
  async (call, { resourceArn, tags }) => {
    const group = groupOfArn(call, resourceArn);
    await call.services.logs.retag(call.owner, group, (before) => withTags(before, tags));
  },
);

export const untagResource: Operation = operation(
  Type.Object({ resourceArn: ResourceArn, tagKeys: Type.Array(Key, { maxItems: TAGS_MAX }) }),
  async (call, { resourceArn, tagKeys }) => {
    const group = groupOfArn(call, resourceArn);
    await call.services.logs.retag(call.owner, group, (before) => withoutTags(before, tagKeys));
  },
);

export const listTagsForResource: Operation = operation(
  Type.Object({ resourceArn: ResourceArn }),
  async (call, { resourceArn }) => {
    const { tags } = await call.services.logs.group(call.owner, groupOfArn(call, resourceArn));
    return { tags };
  },
);

/** The older operations, by name instead of ARN; Debian's clients have them. */
export const tagLogGroup: Operation = operation(
  Type.Object({ logGroupName: GroupName, tags: Tags }),
  ({ services, owner }, { logGroupName, tags }) =>
    services.logs.retag(owner, logGroupName, (before) => withTags(before, tags)),
);

export const untagLogGroup: Operation = operation(
  Type.Object({ logGroupName: GroupName, tags: Type.Array(Key, { minItems: 1 }) }),
  ({ services, owner }, { logGroupName, tags }) =>
    services.logs.retag(owner, logGroupName, (before) => withoutTags(before, tags)),
);

export const listTagsLogGroup: Operation = operation(
  Type.Object({ logGroupName: GroupName }),
  async ({ services, owner }, { logGroupName }) => {
    const { tags } = await services.logs.group(owner, logGroupName);
    return { tags };
  },
);

function withTags(before: TagMap, added: TagMap): TagMap {
  const tags = { ...before, ...added };
  if (Object.keys(tags).length <= TAGS_MAX) return tags;
  throw new LogsError(400, "TooManyTagsException", `A resource has at most ${TAGS_MAX} tags.`);
}

function withoutTags(before: TagMap, keys: readonly string[]): TagMap {
  return Object.fromEntries(Object.entries(before).filter(([key]) => !keys.includes(key)));
}

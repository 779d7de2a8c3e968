import Type from "typebox";
import type { LogStreamDescription } from "../../monitoring/mod.ts";
import { invalidParameter } from "./errors.ts";
import {
  decodeToken,
  encodeToken,
  GroupIdentifier,
  GroupName,
  groupArn,
  namedGroup,
  StreamName,
  Token,
} from "./names.ts";
import { type Operation, operation } from "./operation.ts";

const LIMIT_DEFAULT = 50;
const GroupAndStream = Type.Object({ logGroupName: GroupName, logStreamName: StreamName });

/** Source: .../APIReference/API_CreateLogStream.html */
export const createLogStream: Operation = operation(
  GroupAndStream,
  ({ services, owner }, { logGroupName, logStreamName }) =>
    services.logs.createStream(owner, logGroupName, logStreamName),
);

/** Source: .../APIReference/API_DeleteLogStream.html */
export const deleteLogStream: Operation = operation(
  GroupAndStream,
  ({ services, owner }, { logGroupName, logStreamName }) =>
    services.logs.removeStream(owner, logGroupName, logStreamName),
);

/** Source: .../APIReference/API_DescribeLogStreams.html */
export const describeLogStreams: Operation = operation(
  Type.Object({
    logGroupName: Type.Optional(GroupName),
    logGroupIdentifier: Type.Optional(GroupIdentifier),
    logStreamNamePrefix: Type.Optional(StreamName),
    orderBy: Type.Optional(Type.Enum(["LogStreamName", "LastEventTime"])),
    descending: Type.Optional(Type.Boolean()),
    nextToken: Type.Optional(Token),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 50 })),
  }),
  async (call, input) => {
    const { logStreamNamePrefix: prefix = "", descending = false } = input;
    const isByTime = input.orderBy === "LastEventTime";
    if (isByTime && prefix !== "") {
      throw invalidParameter("Cannot order by LastEventTime with a logStreamNamePrefix.");
    }
    const group = namedGroup(call, input);
    const position = isByTime ? timePosition : namePosition;
    const direction = descending ? -1 : 1;
    const after = decodeToken(input.nextToken);
    const all = (await call.services.logs.streams(call.owner, group))
      .filter(({ name }) => name.startsWith(prefix))
      .map((stream) => ({ stream, at: position(stream) }))
      .filter(({ at }) => after === undefined || direction * compare(at, after) > 0)
      .sort((a, b) => direction * compare(a.at, b.at));
    const page = all.slice(0, input.limit ?? LIMIT_DEFAULT);
    const last = page.at(-1);
    const arn = `${groupArn(call, group)}:log-stream:`;
    return {
      logStreams: page.map(({ stream }) => streamShape(stream, arn)),
      ...(last === undefined || page.length === all.length
        ? {}
        : { nextToken: encodeToken(last.at) }),
    };
  },
);

function namePosition({ name }: LogStreamDescription): string {
  return name;
}

/** Streams without events stand first. */
function timePosition({ name, lastMs = 0 }: LogStreamDescription): string {
  return `${String(lastMs).padStart(16, "0")}${name}`;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function streamShape(stream: LogStreamDescription, arn: string): Record<string, unknown> {
  const { name, createdMs, firstMs, lastMs, lastIngestedMs } = stream;
  return {
    logStreamName: name,
    creationTime: createdMs,
    firstEventTimestamp: firstMs,
    lastEventTimestamp: lastMs,
    lastIngestionTime: lastIngestedMs,
    uploadSequenceToken: UNUSED_SEQUENCE_TOKEN,
    arn: `${arn}${name}`,
    // AWS: "this value is reported as zero" since 2019.
    storedBytes: 0,
  };
}

/** AWS: sequence tokens are accepted and given out, and mean nothing any more. */
export const UNUSED_SEQUENCE_TOKEN = "49039859604210212398561236984102";

import Type from "typebox";
import {
  type EventKey,
  keyText,
  type PagePosition,
  parseFilterPattern,
  parseKey,
  type StoredEvent,
} from "../../monitoring/mod.ts";
import { invalidParameter } from "./errors.ts";
import {
  GroupIdentifier,
  GroupName,
  invalidToken,
  namedGroup,
  StreamName,
  Timestamp,
  Token,
} from "./names.ts";
import { type Operation, operation } from "./operation.ts";
import { UNUSED_SEQUENCE_TOKEN } from "./streams.ts";

const EVENTS_MAX = 10_000;
const TIME_MAX = Number.MAX_SAFE_INTEGER;

/** Source: .../APIReference/API_GetLogEvents.html */
export const getLogEvents: Operation = operation(
  Type.Object({
    logGroupName: Type.Optional(GroupName),
    logGroupIdentifier: Type.Optional(GroupIdentifier),
    logStreamName: StreamName,
    startTime: Type.Optional(Timestamp),
    endTime: Type.Optional(Timestamp),
    nextToken: Type.Optional(Token),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: EVENTS_MAX })),
    startFromHead: Type.Optional(Type.Boolean()),
  }),
  async (call, input) => {
    const { startTime = 0, endTime, limit = EVENTS_MAX, startFromHead = false } = input;
    const page = await call.services.logs.readStream(call.owner, namedGroup(call, input), {
      stream: input.logStreamName,
      position: positionOf(input.nextToken) ?? (startFromHead ? "head" : "tail"),
      fromMs: startTime,
      // AWS: events at the end time are not included here.
      toMs: endTime === undefined ? TIME_MAX : endTime - 1,
      limit,
    });
    return {
      events: page.events.map(eventShape),
      nextForwardToken: `f/${keyText(page.forward)}/s`,
      nextBackwardToken: `b/${keyText(page.backward)}/s`,
    };
  },
);

/** Source: .../APIReference/API_FilterLogEvents.html */
export const filterLogEvents: Operation = operation(
  Type.Object({
    logGroupName: Type.Optional(GroupName),
    logGroupIdentifier: Type.Optional(GroupIdentifier),
    logStreamNames: Type.Optional(Type.Array(StreamName, { minItems: 1, maxItems: 100 })),
    logStreamNamePrefix: Type.Optional(StreamName),
    startTime: Type.Optional(Timestamp),
    endTime: Type.Optional(Timestamp),
    filterPattern: Type.Optional(Type.String({ maxLength: 1024 })),
    nextToken: Type.Optional(Token),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: EVENTS_MAX })),
    interleaved: Type.Optional(Type.Boolean()),
  }),
  async (call, input) => {
    const { logStreamNames: names, logStreamNamePrefix: prefix } = input;
    if (names !== undefined && prefix !== undefined) {
      throw invalidParameter(
        "logStreamNames and logStreamNamePrefix are mutually exclusive parameters.",
      );
    }
    const group = namedGroup(call, input);
    if (names !== undefined) {
      await call.services.logs.requireStreams(call.owner, group, names);
    }
    const from = input.nextToken === undefined ? undefined : filterKey(input.nextToken);
    const { events, next } = await call.services.logs.filter(call.owner, group, {
      wants: (stream) => names?.includes(stream) ?? stream.startsWith(prefix ?? ""),
      matches: parseFilterPattern(input.filterPattern ?? ""),
      fromMs: input.startTime ?? 0,
      toMs: input.endTime ?? TIME_MAX,
      limit: input.limit ?? EVENTS_MAX,
      ...(from === undefined ? {} : { from }),
    });
    return {
      events: events.map((event) => ({
        logStreamName: event.stream,
        ...eventShape(event),
        eventId: keyText(event.key),
      })),
      // AWS: "this list is always empty" since 2020.
      searchedLogStreams: [],
      ...(next === undefined ? {} : { nextToken: `Bxkq6k${keyText(next)}` }),
    };
  },
);

/** Source: .../APIReference/API_PutLogEvents.html */
export const putLogEvents: Operation = operation(
  Type.Object({
    logGroupName: GroupName,
    logStreamName: StreamName,
    logEvents: Type.Array(
      Type.Object({ timestamp: Timestamp, message: Type.String({ minLength: 1 }) }),
      { minItems: 1, maxItems: EVENTS_MAX },
    ),
  }),
  async ({ services, owner }, { logGroupName, logStreamName, logEvents }) => {
    const events = logEvents.map(({ timestamp, message }) => ({
      timestampMs: timestamp,
      message: Buffer.from(message),
    }));
    const put = await services.logs.put(owner, logGroupName, logStreamName, events);
    const { tooNewStart, tooOldEnd, expiredEnd } = put;
    const rejected = {
      tooNewLogEventStartIndex: tooNewStart,
      tooOldLogEventEndIndex: tooOldEnd,
      expiredLogEventEndIndex: expiredEnd,
    };
    const isWhole = Object.values(rejected).every((index) => index === undefined);
    return {
      nextSequenceToken: UNUSED_SEQUENCE_TOKEN,
      ...(isWhole ? {} : { rejectedLogEventsInfo: rejected }),
    };
  },
);

/** `f/KEY/s` continues behind a page, `b/KEY/s` before it. */
function positionOf(token: string | undefined): PagePosition | undefined {
  if (token === undefined) return undefined;
  const [, direction, digits = ""] = /^([fb])\/(\d{56})\/s$/.exec(token) ?? [];
  const key = parseKey(digits);
  if (key === undefined) throw invalidToken();
  return direction === "f" ? { from: key } : { before: key };
}

function filterKey(token: string): EventKey {
  const key = parseKey(/^Bxkq6k(\d{56})$/.exec(token)?.[1] ?? "");
  if (key === undefined) throw invalidToken();
  return key;
}

function eventShape(event: StoredEvent): Record<string, unknown> {
  return {
    timestamp: event.timestampMs,
    message: event.message.toString(),
    ingestionTime: event.ingestedMs,
  };
}

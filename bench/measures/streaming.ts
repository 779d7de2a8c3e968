import { fileURLToPath } from "node:url";
import {
  AddPermissionCommand,
  CreateFunctionUrlConfigCommand,
  LambdaClient,
} from "@aws-sdk/client-lambda";
import { eventEncoder } from "../../src/api/http/event-stream.ts";
import { signRequest } from "../../src/api/mod.ts";
import { atMost, type Bench, type Findings, findingsOf, startNotes } from "../bench.ts";
import type { Job } from "../client/job.ts";
import { PIECES } from "../function/stream.mjs";
import { interleave } from "../rounds.ts";
import { postRequest, type Subject, type SubjectKind } from "../subject.ts";
import { HearthServer, hearth } from "../subjects/hearth.ts";
import { startPlain } from "../subjects/plain.ts";

const FLOOR = "node:http floor, streaming";
const API = "hearth, InvokeWithResponseStream";
const URL_SUBJECT = "hearth, function URL";
const FUNCTION_NAME = "streams";
const EVENT = Buffer.from("{}");
/** Against the floor's p50 (TARGETS.md). */
const RATIO_MAX = 2;

const floor: SubjectKind = {
  name: FLOOR,
  start() {
    const words = [fileURLToPath(new URL("../subjects/stream-floor-server.ts", import.meta.url))];
    const ready = /floor ready http:\/\/127\.0\.0\.1:(\d+)/;
    return startPlain(FLOOR, { program: process.execPath, words, ready });
  },
};

/** (8) From a request to the first byte of a body that is still being written. */
export const streaming: Bench = {
  name: "stream",
  title: "First byte of a streamed response, 1 client",
  async run({ client, sizes, profileDirectory }) {
    await using plain = await floor.start([]);
    await using server = await hearth({ name: API, profileDirectory }).start([]);
    if (!(server instanceof HearthServer)) throw new Error("Hearth is not a server of its own");
    const path = await deployStreaming(server);
    const jobs = new Map<string, Pick<Job, "requests" | "answers" | "otherAnswers">>([
      [FLOOR, { requests: [plainRequest(plain, "/")], answers: [Buffer.from(PIECES.join(""))] }],
      [
        API,
        {
          requests: [signedRequest(server)],
          answers: [eventStream(PIECES)],
          // Pieces that wait for a client with more to do go together.
          otherAnswers: [eventStream([PIECES.join("")])],
        },
      ],
      [
        URL_SUBJECT,
        { requests: [plainRequest(server, path)], answers: [Buffer.from(PIECES.join(""))] },
      ],
    ]);
    const subjects = [named(plain, FLOOR), named(server, API), named(server, URL_SUBJECT)];
    const calls = sizes.streamCallsPerRound;
    const series = await interleave(client, subjects, sizes.warmRounds, ({ name, host, port }) => ({
      ...{ host, port, connections: 1, calls, warmUpCalls: Math.ceil(calls / 5) },
      ...{ requests: [], answers: [], ...jobs.get(name), untilFirstByte: true },
    }));
    const floorMs = series[0]?.summary.p50Ms ?? Number.NaN;
    const findings: Findings = findingsOf(series, {
      rows: series.map(({ subject, cpuFigures, summary: { count, p50Ms, p99Ms } }) => ({
        subject,
        figures: {
          calls: count,
          "p50 ms": p50Ms,
          "p99 ms": p99Ms,
          "x floor": p50Ms / floorMs,
          ...cpuFigures,
        },
      })),
      verdicts: series.slice(1).map(({ subject, summary }) => {
        const times = summary.p50Ms / floorMs;
        return atMost(`${subject}: p50`, times, RATIO_MAX, "x the floor's");
      }),
      growths: series.map((each) => each.growthInCalls()),
      notes: startNotes(series),
    });
    return findings;
  },
};

/** The same server under another name. */
function named(subject: Subject, name: string): Subject {
  return Object.create(subject, { name: { value: name } }) as Subject;
}

/** Makes the function with a URL that everybody may call. @returns the URL's path */
async function deployStreaming(server: HearthServer): Promise<string> {
  const file = fileURLToPath(new URL("../function/stream.mjs", import.meta.url));
  await server.create([FUNCTION_NAME], file);
  const { region, accessKeyId, secretAccessKey } = server.sdkTarget(FUNCTION_NAME);
  const endpoint = `http://${server.host}:${server.port}`;
  const credentials = { accessKeyId, secretAccessKey };
  const lambda = new LambdaClient({ endpoint, region, credentials });
  const open = { FunctionName: FUNCTION_NAME, Principal: "*" };
  try {
    const { FunctionUrl = "" } = await lambda.send(
      new CreateFunctionUrlConfigCommand({
        FunctionName: FUNCTION_NAME,
        AuthType: "NONE",
        InvokeMode: "RESPONSE_STREAM",
      }),
    );
    for (const Action of ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"]) {
      const StatementId = Action.replace(":", "-");
      await lambda.send(new AddPermissionCommand({ ...open, Action, StatementId }));
    }
    return `/_url/${new URL(FunctionUrl).hostname.split(".", 1)[0]}/`;
  } finally {
    lambda.destroy();
  }
}

function plainRequest({ host, port }: Subject, path: string): Buffer {
  const headers = { host: `${host}:${port}`, "content-type": "application/json" };
  return postRequest(path, headers, EVENT);
}

function signedRequest(server: HearthServer): Buffer {
  const path = `/2021-11-15/functions/${FUNCTION_NAME}/response-streaming-invocations`;
  const { region, ...credentials } = server.sdkTarget(FUNCTION_NAME);
  const headers = signRequest({
    method: "POST",
    url: new URL(path, `http://${server.host}:${server.port}`),
    headers: { "content-type": "application/json" },
    body: EVENT,
    credentials,
    region,
    service: "lambda",
    timeMs: Date.now(),
  });
  return postRequest(path, headers, EVENT);
}

/** The body that InvokeWithResponseStream makes of the pieces. */
function eventStream(pieces: readonly string[]): Buffer {
  const chunk = eventEncoder("PayloadChunk", "application/octet-stream");
  const complete = eventEncoder("InvokeComplete", "application/json");
  const chunks = pieces.map((piece) => chunk(Buffer.from(piece)));
  return Buffer.concat([...chunks, complete(Buffer.from("{}"))]);
}

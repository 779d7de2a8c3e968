import { CommandError } from "./command.ts";
import type { Connection } from "./connection.ts";
import { explained, nothingAnswers } from "./failures.ts";

/** A request that no SDK client of ours makes. */
export interface SignedRequest {
  /** The service it is signed for: the server dispatches by it. */
  readonly service: "hearth" | "logs" | "monitoring";
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Absent means empty. */
  readonly body?: string | Buffer;
  readonly signal?: AbortSignal;
}

/**
 * Sends one request, signed with Signature Version 4, and resolves with its response once the
 * status says success.
 * @throws CommandError with the server's message otherwise
 */
export async function signedRequest(
  connection: Connection,
  { service, method, path, headers, body = "", signal }: SignedRequest,
): Promise<Response> {
  const { signRequest } = await import("../api/mod.ts");
  const url = new URL(path, connection.endpoint);
  const { host: _, ...signed } = signRequest({
    ...{ method, url, headers, body, credentials: connection, region: connection.region, service },
    timeMs: Date.now(),
  });
  let response: Response;
  try {
    response = await fetch(url, {
      ...{ method, headers: signed },
      ...(body.length === 0 ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw nothingAnswers(connection, error);
  }
  if (response.ok) return response;
  const failure = await failureOf(response);
  throw response.status === 403 ? explained(connection, failure) : failure;
}

/** One operation of a service that speaks AWS's JSON protocols; resolves with its output. */
export async function awsJson(
  connection: Connection,
  service: "logs" | "monitoring",
  operation: keyof typeof TARGETS,
  input: unknown,
): Promise<unknown> {
  const { target, version } = TARGETS[operation];
  const response = await signedRequest(connection, {
    ...{ service, method: "POST", path: "/" },
    headers: { "content-type": `application/x-amz-json-${version}`, "x-amz-target": target },
    body: JSON.stringify(input),
  });
  return await response.json();
}

const TARGETS = {
  FilterLogEvents: { target: "Logs_20140328.FilterLogEvents", version: "1.1" },
  GetMetricData: { target: "GraniteServiceVersion20100801.GetMetricData", version: "1.0" },
} as const;

async function failureOf(response: Response): Promise<CommandError> {
  const text = await response.text();
  const { __type, code, message, Message } = objectIn(text);
  const said = [message, Message].find((each) => typeof each === "string");
  const error = new CommandError(
    said ?? `The server answered ${response.status}: ${text.slice(0, 200)}`,
  );
  // The name tells one failure from another, as those of the SDK's errors do.
  const name = [__type, code].find((each) => typeof each === "string");
  if (name !== undefined) error.name = name.replace(/^.*#/, "");
  return error;
}

/** What a body in JSON says; nothing of any other. */
function objectIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { InvokeCommand, type LambdaClient } from "@aws-sdk/client-lambda";
import type { TestCredentials, TestHearth } from "./hearth.ts";

/** A call and what was answered, with sidecars asked for in its header. */
export interface AttendedCall {
  readonly requestId: string;
  readonly functionError: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever a function answered
  readonly value: any;
  readonly log: string;
}

/** Calls through the SDK with `X-Hearth-Sidecars`; undefined sends no such header. */
export async function callBeside(
  lambda: LambdaClient,
  name: string,
  sidecars: string | undefined,
  event: unknown = {},
  more: { readonly qualifier?: string; readonly traceId?: string } = {},
): Promise<AttendedCall> {
  const command = new InvokeCommand({
    FunctionName: name,
    Payload: Buffer.from(JSON.stringify(event)),
    LogType: "Tail",
    ...(more.qualifier === undefined ? {} : { Qualifier: more.qualifier }),
  });
  command.middlewareStack.add(
    (next) => (args) => {
      const { headers } = args.request as { headers: Record<string, string> };
      if (sidecars !== undefined) headers["x-hearth-sidecars"] = sidecars;
      if (more.traceId !== undefined) headers["x-amzn-trace-id"] = more.traceId;
      return next(args);
    },
    { step: "build" },
  );
  const answer = await lambda.send(command);
  const payload = Buffer.from(answer.Payload ?? []).toString();
  return {
    requestId: answer.$metadata.requestId ?? "",
    functionError: answer.FunctionError,
    value: payload === "" ? undefined : JSON.parse(payload),
    log: Buffer.from(answer.LogResult ?? "", "base64").toString(),
  };
}

export interface Artifacts {
  readonly artifacts: readonly {
    readonly name: string;
    readonly type: string;
    readonly bytes: number;
    readonly sidecar: string;
  }[];
  readonly warnings: readonly string[];
}

export async function artifactsOf(
  hearth: TestHearth,
  { requestId }: Pick<AttendedCall, "requestId">,
  credentials?: TestCredentials,
): Promise<Artifacts> {
  const path = `/_hearth/invocations/${requestId}/artifacts`;
  const answer = await hearth.admin("GET", path, credentials === undefined ? {} : { credentials });
  if (answer.status !== 200) throw new Error(`No artifacts: ${answer.text}`);
  return answer.json as Artifacts;
}

/** The JSON of one artifact. */
export async function artifactOf(
  hearth: TestHearth,
  call: Pick<AttendedCall, "requestId">,
  name: string,
  // biome-ignore lint/suspicious/noExplicitAny: as in AttendedCall
): Promise<any> {
  const { warnings } = await artifactsOf(hearth, call);
  const path = `/_hearth/invocations/${call.requestId}/artifacts/${name}`;
  const answer = await hearth.admin("GET", path);
  if (answer.status !== 200) throw new Error(`No ${name}: ${answer.text} ${warnings.join("; ")}`);
  return answer.json;
}

export interface RunningSidecar {
  readonly sidecarId: string;
  readonly name: string;
  readonly scope: string;
  readonly functionName?: string;
  readonly calls: number;
}

export async function runningSidecars(
  hearth: TestHearth,
  credentials?: TestCredentials,
): Promise<readonly RunningSidecar[]> {
  const wanted = credentials === undefined ? {} : { credentials };
  const { json } = await hearth.admin("GET", "/_hearth/sidecars", wanted);
  return (json as { running: RunningSidecar[] }).running;
}

/** Asks again and again until `wanted` holds. */
export async function eventually(wanted: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await wanted())) await new Promise((resolve) => setTimeout(resolve, 5));
}

export interface Received {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** An HTTP server of the test's own that keeps what it is sent. */
export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly received: readonly Received[];
  /** Status of the answers from now on. */
  status: number;
}

export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    received.push({ path: request.url ?? "", headers: request.headers, body });
    response.writeHead(receiver.status, { "content-type": "application/json" });
    response.end(JSON.stringify({ echoed: body }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}`,
    received,
    status: 200,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return receiver;
}

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { messageOf } from "../../base/mod.ts";
import type { DebugSession, DebugSessions } from "../../host/mod.ts";
import { DEBUG_MESSAGE_BYTES_MAX } from "../../host/mod.ts";
import type { AuthenticatedRequest, HttpResponse } from "../http/request.ts";
import { requirePerson } from "./policies.ts";
import type { AdminPorts } from "./ports.ts";
import { json } from "./views.ts";

const PATH: RegExp = /^\/_hearth\/debug\/([0-9a-f]{32})$/;
/** Answers that a slow debugger has not read; beyond it the connection ends. */
const BACKLOG_BYTES_MAX = 64 * 1024 * 1024;

/** `GET /_hearth/debug`: calls of the asking owner that a debugger may be attached to. */
export function debugSessions(
  { sidecars: { debug } }: AdminPorts,
  request: AuthenticatedRequest,
): HttpResponse {
  const { owner } = requirePerson(request);
  const sessions = debug.list(owner).map(({ token, functionName, ...session }) => {
    const address = `${request.headers.host}/_hearth/debug/${token}`;
    return {
      ...session,
      ...{ id: token, functionName, type: "node", title: functionName },
      webSocketDebuggerUrl: `ws://${address}`,
      devtoolsFrontendUrl: `devtools://devtools/bundled/js_app.html?ws=${address}`,
    };
  });
  return json(200, { sessions });
}

/** Takes a connection that asks to be a WebSocket; false when it is not for this handler. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean;

/**
 * The WebSocket that debuggers connect to. They cannot sign: the token in the path is the secret,
 * made for one call and told to its owner alone.
 */
export function createDebugUpgrade(debug: Pick<DebugSessions, "find">): UpgradeHandler {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: DEBUG_MESSAGE_BYTES_MAX,
    perMessageDeflate: false,
  });
  return (request, socket, head) => {
    const session = debug.find(PATH.exec(request.url ?? "")?.[1] ?? "");
    if (session === undefined) return false;
    server.handleUpgrade(request, socket, head, (webSocket) => serve(session, webSocket));
    return true;
  };
}

type ServedSocket = Parameters<Parameters<WebSocketServer["handleUpgrade"]>[3]>[0];

function serve(session: DebugSession, webSocket: ServedSocket): void {
  webSocket.on("error", () => {}); // what broke it shows in "close"
  try {
    session.attach({
      send(message) {
        if (webSocket.bufferedAmount > BACKLOG_BYTES_MAX) webSocket.terminate();
        else webSocket.send(message);
      },
      close: () => webSocket.close(NORMAL_CLOSURE, "The call is over"),
    });
  } catch (error) {
    webSocket.close(POLICY_VIOLATION, messageOf(error));
    return;
  }
  webSocket.on("message", (data) => {
    if (Buffer.isBuffer(data)) session.fromUser(data);
  });
  webSocket.on("close", () => session.detach());
}

/** Source: RFC 6455, section 7.4.1 */
const NORMAL_CLOSURE = 1000;
const POLICY_VIOLATION = 1008;

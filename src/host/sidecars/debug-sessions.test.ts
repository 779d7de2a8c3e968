import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { test } from "node:test";
import { encodeFrame, secureRandom, systemClock } from "../../base/mod.ts";
import { ownerOf } from "../../model/mod.ts";
import type { Environment } from "../environment.ts";
import type { Attachment, Relay } from "./attachment.ts";
import { DEBUG_MESSAGE_BYTES_MAX, type DebugSession, DebugSessions } from "./debug-sessions.ts";

/** A session whose runtime the test plays. */
interface Stage {
  readonly session: DebugSession;
  readonly server: Server;
  readonly token: string;
  readonly relay: Relay;
  readonly heard: string[];
  open(): Promise<Socket>;
}

async function stage(): Promise<Stage> {
  const heard: string[] = [];
  const attachment = {
    relay: undefined as Relay | undefined,
    fromFunction: (message: Buffer) => heard.push(message.toString()),
  };
  const call = { owner: ownerOf("000000000001"), requestId: "r", functionName: "f" };
  const sessions = new DebugSessions(systemClock, secureRandom);
  const session = sessions.open(call, attachment as unknown as Attachment);
  const server = createServer();
  const listen = async (): Promise<Server> => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return server;
  };
  const { token } = await session.listen({ sandbox: { listen } } as unknown as Environment);
  const { port } = server.address() as AddressInfo;
  const open = async (): Promise<Socket> => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    await once(socket, "connect");
    return socket;
  };
  const { relay } = attachment;
  assert.ok(relay);
  return { session, server, token, relay, heard, open };
}

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
}

test("DebugSession: however many connections a function opens, few are kept and none after the call", async () => {
  const { session, server, open } = await stage();
  const opened: Socket[] = [];
  for (let i = 0; i < 50; i++) opened.push(await open());
  assert.ok((await connectionsOf(server)) <= 4);
  const closed = Promise.all(opened.map((socket) => socket.closed || once(socket, "close")));
  await session.drain();
  await closed;
  assert.equal(await connectionsOf(server), 0);
});

test("DebugSession: a message that comes byte by byte behind a large one costs no copies of it", async () => {
  const { session, token, heard, open } = await stage();
  const runtime = await open();
  runtime.setNoDelay(true);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(DEBUG_MESSAGE_BYTES_MAX);
  runtime.write(Buffer.concat([Buffer.from(`${token}\n`), encodeFrame(1, Buffer.from("hello"))]));
  runtime.write(Buffer.concat([length, Buffer.alloc(DEBUG_MESSAGE_BYTES_MAX - 1000)]));
  const begun = process.cpuUsage();
  for (let i = 0; i < 400; i++) {
    runtime.write("x");
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { user, system } = process.cpuUsage(begun);
  assert.deepEqual(heard, ["hello"]);
  assert.ok(user + system < 1_000_000, `400 bytes took ${user + system} µs`);
  await session.drain();
});

test("DebugSession: a runtime that does not read is let go of", async () => {
  const { session, token, relay, open } = await stage();
  const runtime = await open();
  runtime.pause();
  runtime.write(`${token}\n\n`);
  const closed = once(runtime, "close");
  const message = Buffer.alloc(1024 * 1024);
  for (let sent = 0; sent < 4 * DEBUG_MESSAGE_BYTES_MAX; sent += message.length) {
    relay.toFunction(message);
    await new Promise((resolve) => setImmediate(resolve));
  }
  runtime.resume();
  await closed;
  await session.drain();
});

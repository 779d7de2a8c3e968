import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Event, handler } from "../function/handler.mjs";

/** The floor: node:http, one process, the handler called in place, nothing else. */
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", async () => {
    const event = JSON.parse(Buffer.concat(chunks).toString()) as Event;
    const body = Buffer.from(JSON.stringify(await handler(event)));
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": String(body.length),
    });
    response.end(body);
  });
});
server.listen(0, "127.0.0.1", () => {
  console.log(`floor ready http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.on("SIGTERM", () => process.exit(0));

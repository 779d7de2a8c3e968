import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { writePieces } from "../function/stream.mjs";

/** The floor of streaming: node:http, one process, the pieces written in place, nothing else. */
const server = createServer((request, response) => {
  request.resume();
  request.on("end", async () => {
    response.writeHead(200, { "content-type": "text/plain" });
    await writePieces(response);
  });
});
server.listen(0, "127.0.0.1", () => {
  console.log(`floor ready http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.on("SIGTERM", () => process.exit(0));

import { readFileSync } from "node:fs";
import { Miniflare } from "miniflare";

const textOf = (path) => readFileSync(new URL(path, import.meta.url), "utf8");

/** The same loader as workerd's, behind Miniflare. */
const miniflare = new Miniflare({
  host: "127.0.0.1",
  port: 0,
  compatibilityDate: "2026-07-01",
  workerLoaders: { LOADER: {} },
  modules: [
    { type: "ESModule", path: "loader.js", contents: textOf("loader.js") },
    { type: "Text", path: "handler", contents: textOf("../function/handler.mjs") },
  ],
});
const url = await miniflare.ready;
console.log(`miniflare ready http://127.0.0.1:${url.port}`);
process.on("SIGTERM", async () => {
  await miniflare.dispose();
  process.exit(0);
});

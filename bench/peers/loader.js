import handler from "handler";

const entry = `import { handler } from "./handler.js";
export default {
  async fetch(request) {
    return Response.json(await handler(await request.json()));
  },
};`;

/** Hands each request to the worker that its path names; the first one loads it. */
export default {
  fetch(request, env) {
    const worker = env.LOADER.get(new URL(request.url).pathname, () => ({
      compatibilityDate: "2026-07-01",
      mainModule: "entry.js",
      modules: { "entry.js": entry, "handler.js": handler },
    }));
    return worker.getEntrypoint().fetch(request);
  },
};

import { fileURLToPath } from "node:url";
import type { SubjectKind } from "../subject.ts";
import { startPlain } from "./plain.ts";

/** The bare node:http server that every ratio is taken against. */
export const floor: SubjectKind = {
  name: "node:http floor",
  start() {
    const command = {
      program: process.execPath,
      words: [fileURLToPath(new URL("floor-server.ts", import.meta.url))],
      ready: /floor ready http:\/\/127\.0\.0\.1:(\d+)/,
    };
    return startPlain(floor.name, command);
  },
};

/** app: composition. The one room that knows which implementation stands behind an interface. */
export * from "./config.ts";
export { type DataPaths, dataPaths } from "./data-directory.ts";
export { type HostProbe, probeHost } from "./host-probe.ts";
export * from "./server.ts";

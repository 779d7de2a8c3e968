/** sandbox: isolation drivers behind one interface. */
export * from "./driver.ts";
export { type HostProbe, probeHost } from "./probe.ts";

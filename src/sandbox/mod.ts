/** sandbox: isolation drivers behind one interface. */
export * from "./driver.ts";
export { signalName } from "./exit.ts";
export { deliverOutput } from "./output.ts";

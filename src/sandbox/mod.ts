/** sandbox: isolation drivers behind one interface. */
export * from "./driver.ts";

/** The driver that isolates nothing, for development on hosts where no other works. */
export { type NoneDriverOptions, openNoneDriver } from "./none-driver.ts";

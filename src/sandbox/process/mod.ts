/** The driver that isolates processes by namespaces, cgroups and a system call filter. */
export { openProcessDriver, type ProcessDriverOptions } from "./process-driver.ts";

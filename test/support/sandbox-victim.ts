/** A program for tests: a server with sandboxes, to be killed. Arguments: directory, data id. */
import { silentLog, systemClock } from "../../src/base/mod.ts";
import { openProcessDriver } from "../../src/sandbox/process/mod.ts";
import { Guest } from "../../src/sandbox/testing/guest.ts";

const [directory = "", dataId = ""] = process.argv.slice(2);
const driver = await openProcessDriver({
  ...{ directory, dataId, network: "auto", log: silentLog, clock: systemClock },
});
const instance = await driver.createInstance({ id: "victim" });
const guests = await Promise.all([
  Guest.boot(instance, { network: true }),
  Guest.boot(instance),
  Guest.boot(instance),
]);
await guests[1].run("import subprocess; subprocess.Popen(['/usr/bin/sleep', '1000'])");
if (driver.capabilities.freeze) guests[2].sandbox.freeze();
process.stdout.write("running\n");

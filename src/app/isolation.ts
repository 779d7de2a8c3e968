import type { Clock, Log } from "../base/mod.ts";
import type { Architecture } from "../model/mod.ts";
import type { SandboxDriver } from "../sandbox/mod.ts";
import { openNoneDriver } from "../sandbox/none/mod.ts";
import { openProcessDriver } from "../sandbox/process/mod.ts";
import type { ServerConfig } from "./config.ts";
import type { DataPaths } from "./data-directory.ts";

/** The driver that the configuration names, after it removed what an earlier server left. */
export async function openDriver(
  config: ServerConfig,
  paths: DataPaths,
  services: { readonly clock: Clock; readonly log: Log },
): Promise<SandboxDriver> {
  const { clock, log } = services;
  const directory = paths.instances;
  const driver =
    config.isolation === "none"
      ? await openNoneDriver({ directory, clock, log })
      : await openProcessDriver({
          directory,
          dataId: paths.id,
          network: config.network,
          clock,
          log,
        });
  const { removed } = await driver.recover();
  if (removed.length > 0) log.info("recovery.removed", { count: removed.length });
  return driver;
}

/** What functions are compiled for here, in AWS's words. */
export function hostArchitecture(): Architecture {
  return process.arch === "arm64" ? "arm64" : "x86_64";
}

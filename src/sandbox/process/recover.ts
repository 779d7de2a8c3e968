import { readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import type { Clock } from "../../base/mod.ts";
import { removeGroups } from "./cgroup-removal.ts";
import { runCommand } from "./command.ts";
import { interfacePrefix } from "./network.ts";
import type { HostFacts } from "./process-host.ts";

import type { Command } from "./command.ts";
import { editDistance } from "./edit-distance.ts";

/** A line of `hearth help`; the command's own file is read only when it runs. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<Command>;
}

/** Every command, in the order in which a new user meets them. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "demo",
    summary: "See it work: a server of its own, three functions, a table of what was measured",
    load: async () => (await import("./commands/demo.ts")).demo,
  },
  {
    name: "test",
    summary: "Run the project's tests",
    load: async () => (await import("./commands/test.ts")).testCommand,
  },
  {
    name: "up",
    summary: "Run the server in the foreground",
    load: async () => (await import("./commands/up.ts")).up,
  },
  {
    name: "env",
    summary: "Print the variables that point AWS tools at the server",
    load: async () => (await import("./commands/env.ts")).env,
  },
  {
    name: "deploy",
    summary: "Create or update a function from a file or folder",
    load: async () => (await import("./commands/deploy.ts")).deploy,
  },
  {
    name: "invoke",
    summary: "Call a function",
    load: async () => (await import("./commands/invoke.ts")).invoke,
  },
  {
    name: "ls",
    summary: "List functions",
    load: async () => (await import("./commands/list.ts")).list,
  },
  {
    name: "logs",
    summary: "Show what a function wrote",
    load: async () => (await import("./commands/logs.ts")).logs,
  },
  {
    name: "stats",
    summary: "Show how functions did: calls, errors, durations, concurrency",
    load: async () => (await import("./commands/stats.ts")).stats,
  },
  {
    name: "rm",
    summary: "Delete a function",
    load: async () => (await import("./commands/remove.ts")).remove,
  },
  {
    name: "url",
    summary: "Show the URLs of a function",
    load: async () => (await import("./commands/url.ts")).url,
  },
  {
    name: "url create",
    summary: "Give a function or an alias a URL",
    load: async () => (await import("./commands/url-create.ts")).urlCreate,
  },
  {
    name: "url rm",
    summary: "Delete the URL of a function or an alias",
    load: async () => (await import("./commands/url-remove.ts")).urlRemove,
  },
  {
    name: "layer publish",
    summary: "Make a layer of a folder or a zip",
    load: async () => (await import("./commands/layer-publish.ts")).layerPublish,
  },
  {
    name: "layer ls",
    summary: "List layers, or the versions of one",
    load: async () => (await import("./commands/layer-list.ts")).layerList,
  },
  {
    name: "layer rm",
    summary: "Delete versions of layers",
    load: async () => (await import("./commands/layer-remove.ts")).layerRemove,
  },
  {
    name: "durable ls",
    summary: "List the durable executions of a function",
    load: async () => (await import("./commands/durable-list.ts")).durableList,
  },
  {
    name: "durable show",
    summary: "Show what a durable execution has done",
    load: async () => (await import("./commands/durable-show.ts")).durableShow,
  },
  {
    name: "durable answer",
    summary: "Send a durable execution what it waits for",
    load: async () => (await import("./commands/durable-answer.ts")).durableAnswer,
  },
  {
    name: "durable stop",
    summary: "Stop a durable execution",
    load: async () => (await import("./commands/durable-stop.ts")).durableStop,
  },
  {
    name: "policy set",
    summary: "Choose what runs beside a function, or beside all of them",
    load: async () => (await import("./commands/policy.ts")).policySet,
  },
  {
    name: "policy get",
    summary: "Show what runs beside a function, or beside all of them",
    load: async () => (await import("./commands/policy.ts")).policyGet,
  },
  {
    name: "policy rm",
    summary: "Let nothing run beside a function any more",
    load: async () => (await import("./commands/policy.ts")).policyRemove,
  },
  {
    name: "account create",
    summary: "Make another owner and print its key",
    load: async () => (await import("./commands/account-create.ts")).accountCreate,
  },
  {
    name: "account list",
    summary: "List the owners",
    load: async () => (await import("./commands/account-list.ts")).accountList,
  },
  {
    name: "runtime install",
    summary: "Fetch the binary of a runtime before its first use",
    load: async () => (await import("./commands/runtime-install.ts")).runtimeInstall,
  },
  {
    name: "runtime ls",
    summary: "List the runtimes and whether they are installed",
    load: async () => (await import("./commands/runtime-list.ts")).runtimeList,
  },
  {
    name: "doctor",
    summary: "Probe what this host offers, with the fix for what is missing",
    load: async () => (await import("./commands/doctor.ts")).doctor,
  },
  {
    name: "bench",
    summary: "Measure the server beside the floor and its peers",
    load: async () => (await import("./commands/bench.ts")).bench,
  },
];

/** The command that `words` begin with and the words left over; two-word names win. */
export function findCommand(
  words: readonly string[],
): { entry: CommandEntry; rest: readonly string[] } | undefined {
  for (const length of [2, 1]) {
    const name = words.slice(0, length).join(" ");
    const entry = COMMANDS.find((candidate) => candidate.name === name);
    if (entry) return { entry, rest: words.slice(length) };
  }
  return undefined;
}

/** Names close enough to `name` to have been meant, nearest first. */
export function suggestionsFor(name: string): readonly string[] {
  return COMMANDS.map((entry) => ({ name: entry.name, distance: distanceTo(name, entry.name) }))
    .filter(({ distance }) => distance <= 2)
    .sort((a, b) => a.distance - b.distance)
    .map((candidate) => candidate.name);
}

/** A group's first word (`account`) is as near as its commands. */
function distanceTo(typed: string, name: string): number {
  if (name.startsWith(`${typed} `)) return 0;
  return editDistance(typed, name);
}

import type { Command } from "./command.ts";

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
    name: "rm",
    summary: "Delete a function",
    load: async () => (await import("./commands/remove.ts")).remove,
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

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of Array.from(a).entries()) {
    const next = [i + 1];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (letter === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

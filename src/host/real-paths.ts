import type { Sandbox } from "../sandbox/mod.ts";

/**
 * An image's variables where functions see the host's own files: /opt and /var/task in a search
 * path become the directories that stand for them, and HEARTH_OPT_ROOT says where layers are.
 */
export function withRealPaths(
  environment: Readonly<Record<string, string>>,
  { taskDirectory, optDirectory }: Pick<Sandbox, "taskDirectory" | "optDirectory">,
): Readonly<Record<string, string>> {
  const real = (path: string): string =>
    path.replace(/^\/opt(?=\/|$)/, optDirectory).replace(/^\/var\/task(?=\/|$)/, taskDirectory);
  const variables = Object.entries(environment).map(([name, value]) => [
    name,
    value.split(":").map(real).join(":"),
  ]);
  return { ...Object.fromEntries(variables), HEARTH_OPT_ROOT: optDirectory };
}

import { existsSync } from "node:fs";
import { dirname, normalize } from "node:path/posix";
import { findCommand } from "../src/cli/command-table.ts";
import { conclude, readSourceFiles, root, type SourceFiles } from "./project.ts";

/** What rots first in documents: links to files that moved, commands that were renamed. */
export function findBreaches(
  files: SourceFiles,
  exists: (path: string) => boolean = (path) => existsSync(`${root}${path}`),
): string[] {
  const breaches: string[] = [];
  for (const [path, text] of files) {
    if (!path.endsWith(".md")) continue;
    for (const target of linksOf(text)) {
      const file = normalize(`${dirname(path)}/${target}`);
      if (!exists(file)) breaches.push(`${path}: links to ${target}, which is not there`);
    }
    for (const words of commandsOf(text)) {
      if (!isCommand(words)) breaches.push(`${path}: there is no command hearth ${words[0]}`);
    }
  }
  return breaches;
}

/** Targets of relative links, without their fragments. */
function linksOf(text: string): string[] {
  return Array.from(text.matchAll(/\]\((?!\w+:|#)([^)#\s]+)[^)]*\)/g), ([, target = ""]) => target);
}

/** The words after `hearth` on every line of a ```sh block that runs it. */
function commandsOf(text: string): string[][] {
  const commands: string[][] = [];
  for (const [, block = ""] of text.matchAll(/^```sh\n([\s\S]*?)^```/gm)) {
    for (const [, rest = ""] of block.matchAll(
      /(?:^|\$\(|\| )(?:\.\/|npx )?hearth[ \t]+(\S.*)$/gm,
    )) {
      commands.push(rest.split(/[\s)"]+/));
    }
  }
  return commands;
}

function isCommand(words: readonly string[]): boolean {
  return words[0] === "help" || words[0]?.startsWith("-") || findCommand(words) !== undefined;
}

if (import.meta.main) {
  const files = readSourceFiles();
  const documents = [...files.keys()].filter((path) => path.endsWith(".md")).length;
  conclude("docs", findBreaches(files), `${documents} documents`);
}

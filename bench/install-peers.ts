import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { peersDirectory } from "./subjects/peers.ts";

const PROGRESS_MS = 5000;

/**
 * Installs the peers from their lock file unless they are there; about 650 MB on disk.
 * @throws Error when npm is missing or fails
 */
export async function installPeers(say: (line: string) => void): Promise<void> {
  if (areInstalled()) return;
  say("Installing the peers with npm (about 650 MB on disk, once) ...");
  const startedAt = performance.now();
  const progress = setInterval(() => {
    say(`  npm has been at it for ${Math.round((performance.now() - startedAt) / 1000)} s`);
  }, PROGRESS_MS);
  try {
    await npmCi();
  } finally {
    clearInterval(progress);
  }
}

/** npm writes its own lock file last of all: a broken installation never looks complete. */
function areInstalled(): boolean {
  const wanted = statSync(join(peersDirectory, "package-lock.json"));
  const found = statSync(join(peersDirectory, "node_modules/.package-lock.json"), {
    throwIfNoEntry: false,
  });
  return found !== undefined && found.mtimeMs >= wanted.mtimeMs;
}

function npmCi(): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const child = spawn("npm", words, {
    cwd: peersDirectory,
    stdio: ["ignore", process.stderr, process.stderr],
  });
  child.once("error", (error) => reject(new Error(`npm did not start: ${error.message}`)));
  child.once("exit", (code, signal) => {
    if (code === 0) resolve();
    else reject(new Error(`npm ci ended with ${code ?? signal}; see above`));
  });
  return promise;
}

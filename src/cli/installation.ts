import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/** Where Hearth itself is: the checkout, or the folder of the installed package. */
export const installationDirectory: string = fileURLToPath(new URL("../../", import.meta.url));

/** A file of the installation. */
export function installedFile(relativePath: string): string {
  return `${installationDirectory}${relativePath}`;
}

export async function packageVersion(): Promise<string> {
  const text = await readFile(installedFile("package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

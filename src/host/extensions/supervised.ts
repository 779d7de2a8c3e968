import { readdir } from "node:fs/promises";
import type { RuntimeImage, Sandbox } from "../../sandbox/mod.ts";
import { GUEST_DIRECTORY, PERL, requirePerl } from "../images.ts";

/** Where layers are, and in them extensions, as seen inside. */
const OPT = "/opt";
const MOUNTED_SUPERVISOR = "/var/hearth";

/**
 * Variables of the runtime that extensions do not get.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
 */
const RUNTIME_ONLY: ReadonlySet<string> = new Set([
  "AWS_EXECUTION_ENV",
  "AWS_LAMBDA_LOG_GROUP_NAME",
  "AWS_LAMBDA_LOG_STREAM_NAME",
  "AWS_XRAY_CONTEXT_MISSING",
  "AWS_XRAY_DAEMON_ADDRESS",
  "LAMBDA_RUNTIME_DIR",
  "LAMBDA_TASK_ROOT",
]);

/**
 * The same runtime, started by a supervisor (guest/extensions) when the host says so.
 * @throws PlatformError kind "unsupported" where there is no Perl
 */
export function supervisedImage(image: RuntimeImage): RuntimeImage {
  requirePerl("extensions");
  const directory = `${GUEST_DIRECTORY}/extensions`;
  return {
    ...image,
    id: `${image.id}-supervised`,
    argv: [PERL, `${MOUNTED_SUPERVISOR}/supervise.pl`, ...image.argv],
    // Locales that images name are rare on Debian, of which Perl would complain at every start.
    environment: { ...image.environment, PERL_BADLANG: "0" },
    mounts: [...image.mounts, { source: directory, target: MOUNTED_SUPERVISOR }],
  };
}

/**
 * A path below /opt as processes of the sandbox see it.
 * @param isolates whether sandboxes have a file tree of their own
 */
export function pathInside(path: string, sandbox: Sandbox, isolates: boolean): string {
  const isBelow = path.startsWith(`${OPT}/`);
  return isolates || !isBelow ? path : sandbox.optDirectory + path.slice(OPT.length);
}

/** The extensions that a function's layers have brought, in the order in which they start. */
export async function extensionPaths(sandbox: Sandbox, isolates: boolean): Promise<string[]> {
  const directory = `${sandbox.optDirectory}/extensions`;
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  return names.sort().map((name) => pathInside(`${OPT}/extensions/${name}`, sandbox, isolates));
}

/** What of a function's variables its extensions see. */
export function extensionEnvironment(
  environment: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const shared = Object.entries(environment).filter(
    ([name]) => !name.startsWith("_") && !RUNTIME_ONLY.has(name),
  );
  return Object.fromEntries(shared);
}

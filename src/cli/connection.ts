import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { REGION_DEFAULT } from "../model/mod.ts";
import { CommandError, type CommandInput, type Flags, textFlag } from "./command.ts";

/** How a client command reaches its server. */
export interface Connection {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Flag of commands that work on a data directory. */
export const DATA_FLAG: Flags = {
  data: { type: "string", value: "DIR", help: "The server's data directory (~/.hearth)" },
};

/** Flags of every command that talks to a server. */
export const CONNECTION_FLAGS: Flags = {
  endpoint: { type: "string", value: "URL", help: "The server's address (AWS_ENDPOINT_URL)" },
  ...DATA_FLAG,
};

const START_ADVICE = "Start one with `hearth up`, or name its address with --endpoint URL.";

/** The data directory: --data, HEARTH_DATA, or `.hearth` in the home directory. */
export function dataDirectoryOf(input: Pick<CommandInput, "flags" | "environment">): string {
  const named = textFlag(input.flags, "data") ?? input.environment.HEARTH_DATA;
  return resolve(named ?? join(homedir(), ".hearth"));
}

/** Where a data directory keeps runtimes that are not part of Hearth. */
export function runtimesDirectoryIn(dataDirectory: string): string {
  return join(dataDirectory, "runtimes");
}

/**
 * Finds the server and a key for it. The address: --endpoint, then HEARTH_ENDPOINT or
 * AWS_ENDPOINT_URL (unless --data names a server), then `server.json` in the data directory. The
 * key: AWS_ACCESS_KEY_ID and its companions (unless --data), then `credentials.json` there.
 * @throws CommandError with advice when either is missing
 */
export async function findConnection(
  input: Pick<CommandInput, "flags" | "environment">,
): Promise<Connection> {
  const { flags, environment } = input;
  const directory = dataDirectoryOf(input);
  const useEnvironment = textFlag(flags, "data") === undefined;
  const named = useEnvironment
    ? environment.HEARTH_ENDPOINT || environment.AWS_ENDPOINT_URL
    : undefined;
  const endpoint = textFlag(flags, "endpoint") ?? named ?? (await endpointIn(directory));
  const fromEnvironment = useEnvironment ? credentialsOf(environment) : undefined;
  const credentials = fromEnvironment ?? (await credentialsIn(directory));
  return { ...credentials, endpoint: checkedEndpoint(endpoint) };
}

/** What `hearth env` prints: always the server and the first owner of one data directory. */
export async function connectionIn(directory: string): Promise<Connection> {
  const endpoint = await endpointIn(directory);
  return { ...(await credentialsIn(directory)), endpoint };
}

type Credentials = Omit<Connection, "endpoint">;

function checkedEndpoint(endpoint: string): string {
  if (URL.canParse(endpoint) && /^https?:$/.test(new URL(endpoint).protocol)) return endpoint;
  throw new CommandError(`The server's address is not an http URL: ${endpoint}`, START_ADVICE);
}

function credentialsOf(
  environment: Readonly<Record<string, string | undefined>>,
): Credentials | undefined {
  const accessKeyId = environment.AWS_ACCESS_KEY_ID;
  const secretAccessKey = environment.AWS_SECRET_ACCESS_KEY;
  const sessionToken = environment.AWS_SESSION_TOKEN;
  if (!accessKeyId || !secretAccessKey) return undefined;
  return {
    accessKeyId,
    secretAccessKey,
    region: environment.AWS_REGION || environment.AWS_DEFAULT_REGION || REGION_DEFAULT,
    ...(sessionToken ? { sessionToken } : {}),
  };
}

async function endpointIn(directory: string): Promise<string> {
  const file = join(directory, "server.json");
  const server = await readObject(file);
  if (server === undefined) {
    throw new CommandError(`No server is running on the data directory ${directory}`, START_ADVICE);
  }
  if (typeof server.url !== "string") throw new CommandError(`${file} names no url`);
  if (typeof server.pid === "number" && !isAlive(server.pid)) {
    throw new CommandError(`The server of ${directory} has stopped`, START_ADVICE);
  }
  return server.url;
}

async function credentialsIn(directory: string): Promise<Credentials> {
  const file = join(directory, "credentials.json");
  const found = await readObject(file);
  const { accessKeyId, secretAccessKey, region } = found ?? {};
  if (typeof accessKeyId === "string" && typeof secretAccessKey === "string") {
    return {
      accessKeyId,
      secretAccessKey,
      region: typeof region === "string" ? region : REGION_DEFAULT,
    };
  }
  throw new CommandError(
    `No key for the server: ${file} ${found === undefined ? "is missing" : "holds none"}`,
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name the server's --data directory.",
  );
}

/** The JSON object in a file; undefined when there is no such file. */
async function readObject(file: string): Promise<Record<string, unknown> | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    const advice = code === "EACCES" ? "It belongs to the user who runs the server." : undefined;
    throw new CommandError(`Cannot read ${file}: ${code}`, advice, { cause: error });
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch (error) {
    throw new CommandError(`${file} is not JSON`, undefined, { cause: error });
  }
  throw new CommandError(`${file} is not a JSON object`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

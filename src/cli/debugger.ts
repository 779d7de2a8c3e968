import { setTimeout as sleep } from "node:timers/promises";
import { adminJson } from "./admin.ts";
import type { Connection } from "./connection.ts";
import type { Output } from "./output.ts";

const POLL_MS = 50;

interface Session {
  readonly id: string;
  readonly functionName: string;
  readonly webSocketDebuggerUrl: string;
  readonly devtoolsFrontendUrl: string;
}

/**
 * Says where a debugger finds the call that is about to be made; disposing it stops the search.
 * Sessions of earlier calls are left out.
 */
export async function announceDebugger(
  connection: Connection,
  output: Output,
): Promise<Disposable> {
  const before = new Set((await sessions(connection)).map(({ id }) => id));
  const search = new AbortController();
  void (async () => {
    while (!search.signal.aborted) {
      const found = (await sessions(connection)).find(({ id }) => !before.has(id));
      if (found === undefined) await sleep(POLL_MS);
      else return tell(found, output);
    }
  })().catch(() => {}); // the call itself tells when the server is gone
  return { [Symbol.dispose]: () => search.abort() };
}

function tell(
  { functionName, webSocketDebuggerUrl, devtoolsFrontendUrl }: Session,
  output: Output,
) {
  output.say(`${functionName} waits for a debugger, within its time-out:`);
  output.say(`  Chrome   ${devtoolsFrontendUrl}`);
  output.say(`  others   ${webSocketDebuggerUrl}`);
}

async function sessions(connection: Connection): Promise<readonly Session[]> {
  const answer = await adminJson(connection, { method: "GET", path: "/_hearth/debug" });
  return (answer as { readonly sessions: readonly Session[] }).sessions;
}

import { adminRequest } from "../admin.ts";
import { type Command, integerFlag } from "../command.ts";
import { CONNECTION_FLAGS, findConnection } from "../connection.ts";
import { StopSignal } from "../signals.ts";

const LINES_DEFAULT = 100;
const LINES_MAX = 10_000;

/** `hearth logs` */
export const logs: Command = {
  usage: "NAME [-f] [--lines N]",
  flags: {
    follow: { type: "boolean", short: "f", help: "Go on showing new lines until interrupted" },
    lines: { type: "string", short: "n", value: "N", help: `Lines to show (${LINES_DEFAULT})` },
    ...CONNECTION_FLAGS,
  },
  positionals: [1, 1],
  async run(input) {
    const { flags, positionals, output } = input;
    const name = encodeURIComponent(positionals[0] ?? "");
    const lines = integerFlag(flags, "lines", 0, LINES_MAX) ?? LINES_DEFAULT;
    const follow = flags.follow === true;
    const connection = await findConnection(input);
    using stop = new StopSignal();
    const abort = new AbortController();
    void stop.stopped.then(() => abort.abort());
    const response = await adminRequest(connection, {
      method: "GET",
      path: `/_hearth/functions/${name}/logs?lines=${lines}${follow ? "&follow=true" : ""}`,
      signal: abort.signal,
    });
    if (output.json && !follow) {
      const text = await response.text();
      output.result({ lines: text === "" ? [] : text.trimEnd().split("\n") }, () => "");
      return 0;
    }
    await copyText(response, abort.signal, (text) => output.write(text));
    return 0;
  },
};

/** Writes the body as it comes; an interruption ends it like its end does. */
async function copyText(
  response: Response,
  signal: AbortSignal,
  write: (text: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response.body ?? []) write(decoder.decode(chunk, { stream: true }));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

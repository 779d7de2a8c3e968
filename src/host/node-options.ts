/** A module that `NODE_OPTIONS` asks to be loaded before the program. */
export interface Preload {
  readonly kind: "require" | "import";
  readonly name: string;
}

export interface NodeOptions {
  /** What Node can be started with before the function's code is there. */
  readonly atBoot: string;
  readonly preloads: readonly Preload[];
}

const KINDS: Readonly<Record<string, Preload["kind"]>> = {
  "--require": "require",
  "-r": "require",
  "--import": "import",
};

/**
 * Takes the modules out of a value of `NODE_OPTIONS`: they are mostly part of the function's code,
 * which a waiting runtime does not have yet, so the guest loads them before the handler. Words are
 * split as Node splits them: at spaces, with double quotes and, in these, backslashes.
 * Source: https://nodejs.org/api/cli.html#node_optionsoptions
 */
export function parseNodeOptions(value: string): NodeOptions {
  const kept: string[] = [];
  const preloads: Preload[] = [];
  const words = splitWords(value);
  for (let index = 0; index < words.length; index++) {
    const { text, raw } = words[index] as Word;
    const equals = text.indexOf("=");
    const kind = KINDS[equals < 0 ? text : text.slice(0, equals)];
    const name = equals < 0 ? words[index + 1]?.text : text.slice(equals + 1);
    if (kind === undefined || name === undefined) {
      kept.push(raw);
      continue;
    }
    preloads.push({ kind, name });
    if (equals < 0) index++;
  }
  return { atBoot: kept.join(" "), preloads };
}

interface Word {
  readonly text: string;
  /** With its quotes. */
  readonly raw: string;
}

function splitWords(value: string): Word[] {
  const words = value.match(/(?:"(?:\\.|[^"\\])*"?|[^" ])+/g) ?? [];
  return words.map((raw) => ({ raw, text: raw.replace(/\\(.)|"/g, unquote) }));
}

/** A quote goes, an escaped character stays. */
function unquote(_match: string, escaped: string | undefined): string {
  return escaped ?? "";
}

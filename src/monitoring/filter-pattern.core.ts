import { parseJsonFilter } from "./json-filter.core.ts";
import { invalidPattern, type MessageFilter } from "./message-filter.ts";

/**
 * A filter pattern of CloudWatch Logs as a test of messages: terms, quoted phrases, `?any` and
 * `-exclude`, or a condition on JSON in braces. Terms match wherever they stand in a message.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 * @throws PlatformError kind "invalid"
 */
export function parseFilterPattern(pattern: string): MessageFilter {
  const text = pattern.trim();
  if (text === "") return () => true;
  if (text.startsWith("{")) return parseJsonFilter(text);
  if (text.startsWith("[")) {
    throw invalidPattern("patterns of space-delimited fields are not supported");
  }
  return termFilter(text);
}

/** A sign, then a phrase in quotes or a word. */
const TERM = /\s*([?-]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))(?=\s|$)/y;

function termFilter(text: string): MessageFilter {
  const terms: Record<"required" | "any" | "excluded", Buffer[]> = {
    ...{ required: [], any: [], excluded: [] },
  };
  TERM.lastIndex = 0;
  while (TERM.lastIndex < text.length) {
    const [, sign, phrase, word = ""] = TERM.exec(text) ?? [];
    if (sign === undefined) throw invalidPattern("a quotation mark is not closed");
    if (word.startsWith("%")) throw invalidPattern("regular expressions are not supported");
    const wanted = phrase === undefined ? word : phrase.replaceAll(/\\(.)/g, "$1");
    const kind = sign === "?" ? "any" : sign === "-" ? "excluded" : "required";
    terms[kind].push(Buffer.from(wanted));
  }
  const { required, any, excluded } = terms;
  // AWS: beside other terms those with a question mark count for nothing.
  if (required.length === 0 && excluded.length === 0) {
    return (message) => any.some((term) => message.includes(term));
  }
  return (message) =>
    required.every((term) => message.includes(term)) &&
    !excluded.some((term) => message.includes(term));
}

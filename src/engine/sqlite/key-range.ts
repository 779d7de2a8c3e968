/** Half-open range of keys in UTF-8 byte order; no `end` means to the last key. */
export interface KeyRange {
  readonly start: string;
  readonly end?: string;
}

/** The keys that start with `prefix` and come after `after`. */
export function keyRange(prefix: string, after: string | undefined): KeyRange {
  const end = endOfPrefix(prefix);
  // Nothing sorts between a key and itself with NUL appended.
  const start = after === undefined ? prefix : later(prefix, `${after}\0`);
  return end === undefined ? { start } : { start, end };
}

/**
 * The first key in UTF-8 byte order that is greater than everything starting with `prefix`: its
 * last code point plus one (UTF-8 sorts as code points do). Undefined when nothing is greater.
 */
function endOfPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  while (points.length > 0) {
    const last = points.pop() ?? 0;
    if (last === 0x10ffff) continue;
    // Surrogates are no characters: U+D7FF is followed by U+E000.
    points.push(last === 0xd7ff ? 0xe000 : last + 1);
    return String.fromCodePoint(...points);
  }
  return undefined;
}

/** The later of two keys; `<` on strings would compare UTF-16 units. */
function later(a: string, b: string): string {
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) >= 0 ? a : b;
}

import { invalidPattern, type MessageFilter } from "./message-filter.ts";

/** A condition on one JSON value. */
type Condition = (value: unknown) => boolean;
type Step = { readonly name: string } | { readonly index: number } | "every";

const SYMBOL = /\s*(&&|\|\||!=|<=|>=|[=<>(){}])/y;
const WORD = /\s*([A-Za-z]+)/y;
const SELECTOR_ROOT = /\s*\$/y;
const MEMBER = /\.([A-Za-z0-9_@#*-]+)|\[(\d+|\*)\]|\['([^']*)'\]|\["([^"]*)"\]/y;
const QUOTED = /\s*"((?:[^"\\]|\\.)*)"/y;
const BARE = /\s*([^\s"(){}&|=<>!]+)/y;
/** Parentheses within parentheses; ours. */
const DEPTH_MAX = 50;
/**
 * Selectors with a wildcard in one pattern, each of which looks at all that is in a message; ours.
 * AWS: one wildcard in a selector.
 */
const WILDCARDS_MAX = 3;

/**
 * `{ $.level = "ERROR" && ($.ms > 100 || $.tags[*] = "a*") }`. Messages that are no JSON object do
 * not match.
 * @throws PlatformError kind "invalid"
 */
export function parseJsonFilter(text: string): MessageFilter {
  const reader = new Reader(text);
  reader.expect("{");
  const condition = disjunction(reader, 0);
  reader.expect("}");
  if (!reader.isAtEnd) throw invalidPattern("there is text behind the closing brace");
  return (message) => {
    const value = objectOf(message);
    return value !== undefined && condition(value);
  };
}

function objectOf(message: Buffer): object | undefined {
  const start = message.indexOf(0x7b);
  if (start === -1 || message.subarray(0, start).toString().trim() !== "") return undefined;
  try {
    return JSON.parse(message.toString());
  } catch {
    return undefined;
  }
}

function disjunction(reader: Reader, depth: number): Condition {
  const parts = [conjunction(reader, depth)];
  while (reader.take("||")) parts.push(conjunction(reader, depth));
  return (value) => parts.some((part) => part(value));
}

function conjunction(reader: Reader, depth: number): Condition {
  const parts = [primary(reader, depth)];
  while (reader.take("&&")) parts.push(primary(reader, depth));
  return (value) => parts.every((part) => part(value));
}

function primary(reader: Reader, depth: number): Condition {
  if (depth > DEPTH_MAX) throw invalidPattern("too many parentheses");
  if (!reader.take("(")) return comparison(reader);
  const inner = disjunction(reader, depth + 1);
  reader.expect(")");
  return inner;
}

function comparison(reader: Reader): Condition {
  const steps = reader.selector();
  const test = testOf(reader);
  if (test === "missing") return (root) => valuesAt(root, steps).length === 0;
  return (root) => valuesAt(root, steps).some(test);
}

/** What a selected value must be; "missing" when there must be none. */
function testOf(reader: Reader): Condition | "missing" {
  const word = reader.word();
  if (word === "IS") return isTest(reader.word());
  if (word === "EXISTS") return () => true;
  if (word === "NOT" && reader.word() === "EXISTS") return "missing";
  if (word !== undefined) throw invalidPattern(`unexpected ${word}`);
  const operator = reader.symbol();
  const operand = reader.operand();
  switch (operator) {
    case "=":
      return equalTo(operand);
    case "!=": {
      const equal = equalTo(operand);
      return (value) => !equal(value);
    }
    case "<":
    case ">":
    case "<=":
    case ">=":
      return ordered(operator, operand.text);
    default:
      throw invalidPattern("a selector must be followed by an operator");
  }
}

function isTest(word: string | undefined): Condition {
  if (word === "NULL") return (value) => value === null;
  if (word === "TRUE") return (value) => value === true;
  if (word === "FALSE") return (value) => value === false;
  throw invalidPattern("IS must be followed by NULL, TRUE or FALSE");
}

interface Operand {
  readonly text: string;
  readonly isQuoted: boolean;
}

function equalTo({ text, isQuoted }: Operand): Condition {
  const number = isQuoted ? Number.NaN : numberOf(text);
  const matches = wildcard(text);
  return (value) => {
    if (typeof value === "number" && !Number.isNaN(number)) return value === number;
    return value !== null && typeof value !== "object" && matches(String(value));
  };
}

function ordered(operator: "<" | ">" | "<=" | ">=", text: string): Condition {
  const bound = numberOf(text);
  if (Number.isNaN(bound)) throw invalidPattern(`${operator} must be followed by a number`);
  return (value) => {
    if (typeof value !== "number") return false;
    if (operator === "<") return value < bound;
    if (operator === ">") return value > bound;
    return operator === "<=" ? value <= bound : value >= bound;
  };
}

function numberOf(text: string): number {
  return /^[-+]?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
}

/** A test of strings against a text in which `*` stands for anything. */
export function wildcard(pattern: string): (text: string) => boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return (text) => text === first;
  return (text) => {
    if (text.length < first.length + last.length) return false;
    if (!text.startsWith(first) || !text.endsWith(last)) return false;
    let at = first.length;
    for (const part of rest) {
      const found = text.indexOf(part, at);
      if (found === -1) return false;
      at = found + part.length;
    }
    return at <= text.length - last.length;
  };
}

/** Every value that a selector finds. */
function valuesAt(root: unknown, steps: readonly Step[]): unknown[] {
  let values: unknown[] = [root];
  for (const step of steps) values = values.flatMap((value) => membersOf(value, step));
  return values;
}

function membersOf(value: unknown, step: Step): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  if (step === "every") return Object.values(value);
  if ("index" in step)
    return Array.isArray(value) && step.index in value ? [value[step.index]] : [];
  return Object.hasOwn(value, step.name) ? [(value as Record<string, unknown>)[step.name]] : [];
}

/** Takes a pattern apart, from left to right. */
class Reader {
  readonly #text: string;
  #at = 0;
  #wildcards = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#text.slice(this.#at).trim() === "";
  }

  take(symbol: string): boolean {
    const at = this.#at;
    if (this.symbol() === symbol) return true;
    this.#at = at;
    return false;
  }

  expect(symbol: string): void {
    if (!this.take(symbol)) throw invalidPattern(`expected ${symbol} at ${this.#at}`);
  }

  symbol(): string | undefined {
    return this.#match(SYMBOL)?.[1];
  }

  word(): string | undefined {
    return this.#match(WORD)?.[1];
  }

  operand(): Operand {
    const quoted = this.#match(QUOTED)?.[1];
    if (quoted !== undefined) return { text: quoted.replaceAll(/\\(.)/g, "$1"), isQuoted: true };
    const bare = this.#match(BARE)?.[1];
    if (bare === undefined) throw invalidPattern(`expected a value at ${this.#at}`);
    if (bare.startsWith("%")) throw invalidPattern("regular expressions are not supported");
    return { text: bare, isQuoted: false };
  }

  selector(): Step[] {
    if (this.#match(SELECTOR_ROOT) === undefined) {
      throw invalidPattern(`expected a selector at ${this.#at}`);
    }
    const steps: Step[] = [];
    for (let found = this.#match(MEMBER); found !== undefined; found = this.#match(MEMBER)) {
      const [, member, index, single, double] = found;
      const name = member ?? single ?? double;
      if (index === "*" || member === "*") steps.push("every");
      else steps.push(name === undefined ? { index: Number(index) } : { name });
    }
    const wildcards = steps.filter((step) => step === "every").length;
    this.#wildcards += wildcards;
    if (wildcards > 1) throw invalidPattern("a selector has at most one wildcard");
    if (this.#wildcards > WILDCARDS_MAX) throw invalidPattern("too many selectors with a wildcard");
    return steps;
  }

  #match(expression: RegExp): RegExpExecArray | undefined {
    expression.lastIndex = this.#at;
    const found = expression.exec(this.#text) ?? undefined;
    if (found !== undefined) this.#at = expression.lastIndex;
    return found;
  }
}

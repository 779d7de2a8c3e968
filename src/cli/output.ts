import { styleText } from "node:util";
import { renderTable } from "./table.ts";

export interface TextStream {
  readonly isTTY?: boolean;
  write(data: string | Uint8Array): unknown;
}

export type Colour = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

export interface OutputOptions {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  readonly json: boolean;
  /** From NO_COLOR (https://no-color.org): colours only on a terminal that wants them. */
  readonly colours: boolean;
}

/**
 * Where a command's words go. Results on standard output: one JSON document with --json, tables or
 * text without. Progress, hints and warnings on standard error.
 */
export class Output {
  readonly json: boolean;
  readonly #options: OutputOptions;

  constructor(options: OutputOptions) {
    this.json = options.json;
    this.#options = options;
  }

  /** The result: `value` for programs, `text` for people. */
  result(value: unknown, text: () => string): void {
    if (this.json) this.write(`${JSON.stringify(value, null, 2)}\n`);
    else this.write(text());
  }

  /** Bytes of the result as they are. */
  write(data: string | Uint8Array): void {
    this.#options.stdout.write(data);
  }

  /** A line of progress or advice for people. */
  say(line: string): void {
    this.#options.stderr.write(`${line}\n`);
  }

  warn(line: string): void {
    this.say(`${this.paint("yellow", "warning:", this.#options.stderr)} ${line}`);
  }

  error(line: string): void {
    this.say(`${this.paint("red", "error:", this.#options.stderr)} ${line}`);
  }

  table(header: readonly string[], rows: readonly (readonly string[])[]): string {
    return renderTable(header, rows, (text) => this.paint("bold", text));
  }

  paint(colour: Colour, text: string, stream: TextStream = this.#options.stdout): string {
    if (!this.#options.colours || stream.isTTY !== true) return text;
    return styleText(colour, text, { validateStream: false });
  }
}

import { stripVTControlCharacters } from "node:util";

/** Columns of a terminal that `text` takes, colour codes not counted. */
function widthOf(text: string): number {
  return Array.from(stripVTControlCharacters(text)).length;
}

/**
 * A plain table: columns padded to their widest cell, two spaces between, numbers to the right.
 * Ends with a newline; no rows give the header alone.
 */
export function renderTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  paintHeader: (text: string) => string = (text) => text,
): string {
  const lines = [header, ...rows];
  const widths = header.map((_, column) =>
    Math.max(...lines.map((cells) => widthOf(cells[column] ?? ""))),
  );
  const numeric = header.map(
    (_, column) =>
      rows.length > 0 && rows.every((cells) => /^[\d.,]+( \w+)?$/.test(cells[column] ?? "")),
  );
  const renderLine = (cells: readonly string[]): string =>
    widths
      .map((width, column) => {
        const cell = cells[column] ?? "";
        const padding = " ".repeat(width - widthOf(cell));
        return numeric[column] ? padding + cell : cell + padding;
      })
      .join("  ")
      .trimEnd();
  const [first = "", ...rest] = lines.map(renderLine);
  return `${[paintHeader(first), ...rest].join("\n")}\n`;
}

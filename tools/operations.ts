import { readFileSync, writeFileSync } from "node:fs";
import { DIFFERENCES } from "../src/api/lambda/differences.ts";
import { ROUTES } from "../src/api/lambda/routes.ts";
import { conclude, root } from "./project.ts";

/**
 * The table of the Lambda API's operations, made from the routes themselves.
 *
 * Usage: node tools/operations.ts [--write]; without it the document is only checked.
 */
export const DOCUMENT = "docs/guides/lambda-operations.md";

/** The whole document. */
export function operationsDocument(): string {
  const rows = [...ROUTES]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, method, pattern }) => {
      const differs = DIFFERENCES[name] ?? "";
      return `| ${name} | \`${method} ${pattern}\` | ${differs} |`;
    });
  return `# Operations of the Lambda API

Every operation that the AWS SDK knows (${ROUTES.length}), and in what it differs from AWS.
An empty cell means that it does what the API reference says. What holds for all of them is in
[The Lambda API](lambda-api.md). Made from the table of routes by \`tools/operations.ts\`.

| Operation | Request | Differs from AWS |
|---|---|---|
${rows.join("\n")}
`;
}

if (import.meta.main) {
  const wanted = operationsDocument();
  if (process.argv.includes("--write")) writeFileSync(`${root}${DOCUMENT}`, wanted);
  const isCurrent = readFileSync(`${root}${DOCUMENT}`, "utf8") === wanted;
  const breach = `${DOCUMENT} is not what the routes say: run node tools/operations.ts --write`;
  conclude("operations", isCurrent ? [] : [breach], `${ROUTES.length} operations`);
}

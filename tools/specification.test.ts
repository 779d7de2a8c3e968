import assert from "node:assert/strict";
import { test } from "node:test";
import { clausesOf, findBreaches } from "./specification.ts";

const SPECIFICATION = `# Promises
- **API-1** Every request is signed
- **API-2** Nothing is lost
  (pending: issue 3)
| API-3 | a table row |
`;

test("specification: clauses are found in lists and tables, pending ones told apart", () => {
  assert.deepEqual(clausesOf(SPECIFICATION), [
    { id: "API-1", pending: false },
    { id: "API-2", pending: true },
    { id: "API-3", pending: false },
  ]);
});

test("specification: a clause needs a test, a test's id needs a clause", () => {
  const files = new Map([
    ["SPECIFICATION.md", SPECIFICATION],
    ["src/a.test.ts", 'test("API-1 signed", …); test("API-9", …); // SHA-256 is no clause'],
  ]);
  assert.deepEqual(findBreaches(files), [
    "SPECIFICATION.md: no test names API-3",
    "src/a.test.ts: names API-9, which SPECIFICATION.md does not have",
  ]);
});

test("specification: an id is given once", () => {
  const files = new Map([
    ["SPECIFICATION.md", "- **A-1** x\n- **A-1** y\n- **AB-1** pending\n- **AB-1** pending\n"],
  ]);
  assert.deepEqual(findBreaches(files), ["SPECIFICATION.md: AB-1 is given twice"]);
});

import { conclude, readSourceFiles, type SourceFiles } from "./project.ts";

/** A numbered promise of SPECIFICATION.md. */
export interface Clause {
  readonly id: string;
  /** Promised, not yet shown by a test; says so in the text of the clause. */
  readonly pending: boolean;
}

/** A clause starts a list item, table row, heading or paragraph with its id: `- **ENV-3** …`. */
const CLAUSE = /^[\s\-*|#]*`?(?<id>(?:[A-Z]{2,12}|P\d\d)-\d+)\b/;

/** The clauses of a specification; a clause's text reaches to the next clause. */
export function clausesOf(specification: string): Clause[] {
  const clauses: { id: string; text: string }[] = [];
  for (const line of specification.split("\n")) {
    const id = CLAUSE.exec(line)?.groups?.id;
    if (id !== undefined) clauses.push({ id, text: line });
    else if (/^#/.test(line)) clauses.push({ id: "", text: "" });
    else if (clauses.length > 0) (clauses.at(-1) as { text: string }).text += `\n${line}`;
  }
  return clauses
    .filter((clause) => clause.id !== "")
    .map(({ id, text }) => ({ id, pending: /\bpending\b/i.test(text) }));
}

/**
 * Clauses that no test names and that are not marked pending, clauses given twice, and ids in tests
 * that the specification does not have.
 */
export function findBreaches(files: SourceFiles): string[] {
  const specification = files.get("SPECIFICATION.md");
  if (specification === undefined) return ["SPECIFICATION.md is missing"];
  const clauses = clausesOf(specification);
  const ids = new Set(clauses.map((clause) => clause.id));
  const families = new Set([...ids].map((id) => id.slice(0, id.lastIndexOf("-"))));
  const named = idsInTests(files, families);
  const breaches: string[] = [];
  const seen = new Set<string>();
  for (const { id, pending } of clauses) {
    if (seen.has(id)) breaches.push(`SPECIFICATION.md: ${id} is given twice`);
    seen.add(id);
    if (!named.has(id) && !pending) breaches.push(`SPECIFICATION.md: no test names ${id}`);
  }
  for (const [id, path] of named) {
    if (!ids.has(id)) breaches.push(`${path}: names ${id}, which SPECIFICATION.md does not have`);
  }
  return breaches;
}

/** Clause id -> a test file that names it; only ids of families that the specification knows. */
function idsInTests(files: SourceFiles, families: ReadonlySet<string>): Map<string, string> {
  const named = new Map<string, string>();
  for (const [path, text] of files) {
    if (!/(\.test|\/testsuite(-\w+)*|\/testing)\.ts$/.test(path) || path.startsWith("tools/"))
      continue;
    for (const [id, family = ""] of text.matchAll(/\b([A-Z]{2,12}|P\d\d)-\d+\b/g)) {
      if (families.has(family)) named.set(id, path);
    }
  }
  return named;
}

if (import.meta.main) {
  const files = readSourceFiles();
  const clauses = clausesOf(files.get("SPECIFICATION.md") ?? "");
  const pending = clauses.filter((clause) => clause.pending).length;
  conclude("specification", findBreaches(files), `${clauses.length} clauses, ${pending} pending`);
}

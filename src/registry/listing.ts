import type { Document, TableStore } from "../engine/mod.ts";
import type { FunctionVersion, Owner } from "../model/mod.ts";
import { encodeMarker, PAGE_ITEMS_MAX, type Page } from "./page.ts";
import { FUNCTIONS, type FunctionRecord, functionKey, VERSIONS } from "./record.ts";

/** A version and where in its list it stands. */
export interface PositionedVersion {
  /** `name` for `$LATEST`, `name/number` for a published version; lists continue after it. */
  readonly position: string;
  readonly version: FunctionVersion;
}

/** One more than a page shows, so that the reader learns whether there is more. */
const READ_PAGE = PAGE_ITEMS_MAX + 1;
const READ_ALL_PAGE = 1000;

/** `$LATEST` of each function of an owner, by name, after a position. */
export async function* latestVersions(
  table: TableStore,
  owner: Owner,
  after?: string,
): AsyncGenerator<PositionedVersion> {
  for await (const record of functionsAfter(table, owner, nameOf(after))) {
    yield { position: record.latest.name, version: record.latest };
  }
}

/** Every version of each function of an owner, `$LATEST` first, after a position. */
export async function* everyVersion(
  table: TableStore,
  owner: Owner,
  after?: string,
): AsyncGenerator<PositionedVersion> {
  if (after !== undefined) yield* numberedVersions(table, owner, nameOf(after) ?? "", after);
  for await (const record of functionsAfter(table, owner, nameOf(after))) {
    yield { position: record.latest.name, version: record.latest };
    yield* numberedVersions(table, owner, record.latest.name);
  }
}

/** `$LATEST`, then the published versions of one function, after a position. */
export async function* publishedVersions(
  table: TableStore,
  record: FunctionRecord,
  after?: string,
): AsyncGenerator<PositionedVersion> {
  const { owner, name } = record.latest;
  if (after === undefined) yield { position: name, version: record.latest };
  yield* numberedVersions(table, owner, name, after);
}

/** The first `limit` of a list, and where it goes on. */
export async function takePage(
  source: AsyncIterable<PositionedVersion>,
  limit: number,
): Promise<Page<FunctionVersion>> {
  const items: FunctionVersion[] = [];
  let last = "";
  for await (const { position, version } of source) {
    if (items.length === limit) return { items, next: encodeMarker(last) };
    items.push(version);
    last = position;
  }
  return { items };
}

/** All documents of `table` that belong to one function. */
export async function allDocumentsOf<T>(
  store: TableStore,
  table: string,
  owner: Owner,
  name: string,
): Promise<Document<T>[]> {
  const prefix = `${functionKey(owner, name)}/`;
  const all: Document<T>[] = [];
  let after = prefix;
  while (true) {
    const page = await store.list<T>(table, { prefix, after, limit: READ_ALL_PAGE });
    all.push(...page);
    const last = page.at(-1);
    if (!last || page.length < READ_ALL_PAGE) return all;
    after = last.key;
  }
}

function nameOf(position: string | undefined): string | undefined {
  return position?.split("/", 1)[0];
}

async function* functionsAfter(
  table: TableStore,
  owner: Owner,
  name: string | undefined,
): AsyncGenerator<FunctionRecord> {
  const prefix = functionKey(owner, "");
  let after = functionKey(owner, name ?? "");
  while (true) {
    const page = await table.list<FunctionRecord>(FUNCTIONS, { prefix, after, limit: READ_PAGE });
    for (const { value } of page) yield value;
    const last = page.at(-1);
    if (!last || page.length < READ_PAGE) return;
    after = last.key;
  }
}

async function* numberedVersions(
  table: TableStore,
  owner: Owner,
  name: string,
  afterPosition = `${name}/`,
): AsyncGenerator<PositionedVersion> {
  const prefix = `${functionKey(owner, name)}/`;
  // A position that names only the function stands before its versions.
  let after = afterPosition.includes("/") ? functionKey(owner, afterPosition) : prefix;
  while (true) {
    const page = await table.list<FunctionVersion>(VERSIONS, { prefix, after, limit: READ_PAGE });
    for (const { key, value } of page) {
      yield { position: key.slice(functionKey(owner, "").length), version: value };
    }
    const last = page.at(-1);
    if (!last || page.length < READ_PAGE) return;
    after = last.key;
  }
}

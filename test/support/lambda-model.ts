import * as sdk from "@aws-sdk/client-lambda";

/** AWS's own model of the Lambda API, read from the schemas that the SDK carries. */

export interface OperationModel {
  readonly name: string;
  readonly method: string;
  /** Labels in braces. */
  readonly path: string;
  readonly members: readonly MemberModel[];
}

export interface MemberModel {
  readonly name: string;
  readonly kind: Kind;
  readonly place: "label" | "query" | "header" | "payload" | "body";
  /** Name in the query or of the header, where it differs. */
  readonly wireName: string;
  readonly required: boolean;
}

export type Kind = "string" | "number" | "boolean" | "timestamp" | "blob" | "list" | "object";

/** The operation of this name; fails when AWS has none. */
export function operationModel(name: string): OperationModel {
  const schema = (sdk as Record<string, unknown>)[`${name}$`];
  if (!Array.isArray(schema)) throw new Error(`AWS Lambda has no operation ${name}`);
  const [, , , traits, input] = schema as [number, string, string, Traits, () => unknown[]];
  const [method = "", path = ""] = traits.http ?? [];
  return { name, method, path, members: membersOf(input()) };
}

interface Traits {
  readonly http?: readonly [method: string, path: string, status: number];
  readonly httpQuery?: string;
  readonly httpHeader?: string;
}

/** Bits of traits that have no value. */
const LABEL = 1;
const PAYLOAD = 16;

function membersOf(structure: readonly unknown[]): MemberModel[] {
  const [, , , , names = [], types = [], required = 0] = structure as [
    number,
    string,
    string,
    unknown,
    string[]?,
    unknown[]?,
    number?,
  ];
  return names.map((name, index) => {
    const type = types[index];
    const isTraited = Array.isArray(type) && typeof type[1] !== "string";
    const traits: unknown = isTraited ? type[1] : 0;
    const kind = kindOf(isTraited ? type[0] : type);
    return { name, kind, ...placeOf(name, traits), required: index < required };
  });
}

function placeOf(name: string, traits: unknown): Pick<MemberModel, "place" | "wireName"> {
  if (typeof traits === "number") {
    if (traits & LABEL) return { place: "label", wireName: name };
    return { place: traits & PAYLOAD ? "payload" : "body", wireName: name };
  }
  const { httpQuery, httpHeader } = traits as Traits;
  if (httpQuery !== undefined) return { place: "query", wireName: httpQuery };
  if (httpHeader !== undefined) return { place: "header", wireName: httpHeader };
  return { place: "body", wireName: name };
}

/** Numbers stand for simple types, with one bit more for lists and maps of them. */
const SIMPLE: ReadonlyMap<number, Kind> = new Map([
  [0, "string"],
  [1, "number"],
  [2, "boolean"],
  [4, "timestamp"],
  [21, "blob"],
  [42, "blob"],
]);
const LIST = 64;
const MAP = 128;
const LIST_SCHEMA = 1;

function kindOf(type: unknown): Kind {
  if (typeof type === "number") {
    if (type & MAP) return "object";
    if (type & LIST) return "list";
    return SIMPLE.get(type) ?? "object";
  }
  const schema = typeof type === "function" ? (type() as unknown) : type;
  if (typeof schema === "number") return kindOf(schema);
  const [kind, , , , simple] = schema as [number, string, string, unknown, unknown];
  if (kind === 0) return kindOf(simple);
  return kind === LIST_SCHEMA ? "list" : "object";
}

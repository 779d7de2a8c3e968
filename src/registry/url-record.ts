import type { TableStore, Write } from "../engine/mod.ts";
import type { Owner } from "../model/mod.ts";
import { allDocumentsOf } from "./listing.ts";
import { FUNCTION_URL_IDS, FUNCTION_URLS, qualifierKey } from "./record.ts";

/** Who may call a function's URL: whoever signs and is permitted, or everybody. */
export type UrlAuthType = "AWS_IAM" | "NONE";
export type InvokeMode = "BUFFERED" | "RESPONSE_STREAM";

/** Which pages of other origins may use a URL, in AWS's terms. */
export interface Cors {
  readonly AllowCredentials?: boolean;
  readonly AllowHeaders?: readonly string[];
  readonly AllowMethods?: readonly string[];
  readonly AllowOrigins?: readonly string[];
  readonly ExposeHeaders?: readonly string[];
  readonly MaxAge?: number;
}

/** The URL of a function or alias. */
export interface FunctionUrl {
  /** 32 lower-case letters and digits; first label of its host name. */
  readonly id: string;
  readonly owner: Owner;
  readonly functionName: string;
  /** An alias; absent for the function's `$LATEST`. */
  readonly qualifier?: string;
  readonly functionArn: string;
  readonly authType: UrlAuthType;
  readonly cors?: Cors;
  readonly invokeMode: InvokeMode;
  readonly createdAt: string;
  readonly modifiedAt: string;
}

/** Where the URL of an id is. */
export interface FunctionUrlId {
  readonly owner: Owner;
  readonly functionName: string;
  readonly qualifier?: string;
}

/** The writes that make the ids of a function's URLs, or of one alias's, unknown. */
export async function urlIdDeletions(
  store: TableStore,
  owner: Owner,
  name: string,
  qualifier?: string,
): Promise<Write[]> {
  const documents = await allDocumentsOf<FunctionUrl>(store, FUNCTION_URLS, owner, name);
  const wanted = qualifier === undefined ? undefined : qualifierKey(owner, name, qualifier);
  return documents
    .filter(({ key }) => wanted === undefined || key === wanted)
    .map(({ value }): Write => ({ table: FUNCTION_URL_IDS, key: value.id, delete: true }));
}

import { isIP } from "node:net";
import { normalisePath } from "../http/canonical.ts";

/**
 * Where function URLs are: `http://ID.lambda-url.REGION.HOST:PORT/path`, or, for clients that cannot
 * resolve such names, `http://HOST:PORT/_url/ID/path`.
 */

const LABEL = ".lambda-url.";
const PATH_PREFIX = "/_url/";
const HOST: RegExp = /^([^.]+)\.lambda-url\.([^.:]+)[.:]/i;

/** What a request to a function URL names. */
export interface UrlTarget {
  /** Lower-case; not always the id of a URL that exists. */
  readonly id: string;
  /** Absent when only the path names the function. */
  readonly region?: string;
  /** The path that the function sees. */
  readonly path: string;
}

/** The function URL that a request is for, by its Host header or path; undefined for the APIs. */
export function urlTargetOf(host: string | undefined, path: string): UrlTarget | undefined {
  if (host?.toLowerCase().includes(LABEL)) {
    const [, id = "", region = ""] = HOST.exec(host) ?? [];
    return { id: id.toLowerCase(), region: region.toLowerCase(), path };
  }
  if (!path.startsWith(PATH_PREFIX)) return undefined;
  const end = path.indexOf("/", PATH_PREFIX.length);
  if (end < 0) return { id: path.slice(PATH_PREFIX.length).toLowerCase(), path: "/" };
  return { id: path.slice(PATH_PREFIX.length, end).toLowerCase(), path: path.slice(end) };
}

/** The same by what a signature covers: paths with one normal form have one signature. */
export function signedTargetOf(host: string | undefined, path: string): UrlTarget | undefined {
  return urlTargetOf(host, normalisePath(path));
}

/**
 * The address of a URL as its owner is told.
 * @param origin how the owner reached the server; names under `localhost` need no name server
 */
export function functionUrlAddress(id: string, region: string, origin: string): string {
  const { hostname, port } = new URL(origin);
  const isAddress = isIP(hostname) !== 0 || hostname.startsWith("[");
  const host = isAddress ? "localhost" : hostname;
  return `http://${urlHostName(id, region, host)}${port === "" ? "" : `:${port}`}/`;
}

export function urlHostName(id: string, region: string, host: string = "localhost"): string {
  return `${id}${LABEL}${region}.${host}`;
}

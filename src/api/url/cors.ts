import type { Cors } from "../../registry/mod.ts";
import type { HttpResponse, OpenRequest } from "../http/request.ts";

/**
 * Cross-origin resource sharing as the URL's configuration says; its headers win over those of the
 * function. Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors
 */

const ANY = "*";
/** Origins of one scheme, which AWS takes as patterns. */
const SCHEMES: readonly string[] = ["http://*", "https://*"];

/** The answer to a browser that asks before it sends, without the function being called. */
export function preflightResponse(
  request: OpenRequest,
  cors: Cors | undefined,
): HttpResponse | undefined {
  const { origin, ...headers } = request.headers;
  const method = headers["access-control-request-method"];
  if (cors === undefined || request.method !== "OPTIONS" || !origin || !method) return undefined;
  const allowed = cors.AllowMethods ?? [];
  const isAllowed =
    isAllowedOrigin(origin, cors) && (allowed.includes(ANY) || allowed.includes(method));
  if (!isAllowed) return { status: 200, headers: { vary: "Origin" }, body: "" };
  const names = cors.AllowHeaders ?? [];
  const wanted = headers["access-control-request-headers"];
  const granted = names.includes(ANY) ? wanted : names.join(",");
  return {
    status: 200,
    headers: {
      "access-control-allow-methods": allowed.includes(ANY) ? method : allowed.join(","),
      ...(granted ? { "access-control-allow-headers": granted } : {}),
      "access-control-max-age": String(cors.MaxAge ?? 0),
    },
    body: "",
  };
}

/** A response with what pages of the request's origin must be told. */
export function withCors(
  response: HttpResponse,
  request: OpenRequest,
  cors: Cors | undefined,
): HttpResponse {
  const { origin } = request.headers;
  if (cors === undefined) return response;
  const kept = Object.entries(response.headers).filter(
    ([name]) => !/^access-control-allow-(origin|credentials)$|^access-control-expose-/.test(name),
  );
  const own = { ...Object.fromEntries(kept), vary: varyOf(response) };
  if (!origin || !isAllowedOrigin(origin, cors)) return { ...response, headers: own };
  const isForAll = cors.AllowOrigins?.includes(ANY) && !cors.AllowCredentials;
  const exposed = cors.ExposeHeaders ?? [];
  const headers = {
    ...own,
    "access-control-allow-origin": isForAll ? ANY : origin,
    ...(cors.AllowCredentials ? { "access-control-allow-credentials": "true" } : {}),
    ...(exposed.length > 0 ? { "access-control-expose-headers": exposed.join(",") } : {}),
  };
  return { ...response, headers };
}

/** Caches must not give one origin's answer to another. */
function varyOf({ headers }: HttpResponse): string {
  const { vary } = headers;
  if (vary === undefined) return "Origin";
  return /(^|,)\s*(origin|\*)\s*(,|$)/i.test(vary) ? vary : `${vary}, Origin`;
}

function isAllowedOrigin(origin: string, { AllowOrigins = [] }: Cors): boolean {
  return AllowOrigins.some(
    (allowed) =>
      allowed === ANY ||
      allowed.toLowerCase() === origin.toLowerCase() ||
      (SCHEMES.includes(allowed) && origin.startsWith(allowed.slice(0, -1))),
  );
}

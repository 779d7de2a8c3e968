/** url: function URLs, the plain HTTP way to a function. */
export { createUrlApi, type UrlApiOptions } from "./url-api.ts";

/** api/sts: the dialect of the Security Token Service. */
export { createStsApi } from "./sts-api.ts";

/** api: protocol edges. Knows wire formats and AWS's names; holds no rule of the domain. */
export { type AdminPorts, createAdminApi, createDebugUpgrade } from "./admin/mod.ts";
export type { SandboxOrigin } from "./http/exchange.ts";
export { HTTP_LIMITS, type HttpLimits } from "./http/http-limits.ts";
export type { UrlToSign } from "./http/presign.ts";
export { presign } from "./http/presign.ts";
export type {
  AuthenticatedRequest,
  HttpResponse,
  Identity,
  ServiceHandler,
} from "./http/request.ts";
export type { HttpEdge, HttpServerOptions } from "./http/server.ts";
export { createHttpServer } from "./http/server.ts";
export type { RequestToSign, SigningCredentials } from "./http/sign.ts";
export { signRequest } from "./http/sign.ts";
export { createLambdaApi, type LambdaServices } from "./lambda/mod.ts";
export { createLogsApi, type LogsServices } from "./logs/mod.ts";
export { createMonitoringApi, type MonitoringServices } from "./monitoring/mod.ts";
export { createStsApi } from "./sts/mod.ts";
export { createUrlApi } from "./url/mod.ts";

/** api/logs: the dialect of CloudWatch Logs. */
export { createLogsApi } from "./logs-api.ts";
export type { LogsServices } from "./operation.ts";

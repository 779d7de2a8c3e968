/** api/monitoring: the dialect of CloudWatch, as far as it is about metrics. */
export { createMonitoringApi } from "./monitoring-api.ts";
export type { MonitoringServices } from "./operation.ts";

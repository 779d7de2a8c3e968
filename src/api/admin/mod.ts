/** api/admin: Hearth's own API below /_hearth. */
export { createAdminApi } from "./admin-api.ts";
export { createDebugUpgrade, type UpgradeHandler } from "./debug.ts";
export type {
  AdminPorts,
  CodeSource,
  FunctionLogs,
  FunctionLookup,
  HostView,
} from "./ports.ts";

import type { CompanionHost } from "../companions.ts";
import { sendError } from "../runtime-api-http.ts";
import type { SandboxApi } from "../sandbox-api.ts";

const EXTENSIONS_API = "2020-01-01";

/**
 * Where a function has no extensions of its own making, one may still register from inside its
 * runtime while it initialises: only then is there anything to set up.
 * @param join mounts the real APIs in place of this one
 */
export function welcomeInternal(api: SandboxApi, host: CompanionHost, join: () => void): void {
  api.mount(EXTENSIONS_API, async (path, request, response) => {
    if (host.isInitialising) {
      join();
      return await api.dispatch(request, response);
    }
    if (path === "extension/register") {
      const message = "Extension registration closed already";
      return sendError(response, 403, "Extension.RegistrationClosed", message);
    }
    const message = "Unknown Lambda-Extension-Identifier";
    return sendError(response, 403, "Extension.UnknownExtensionIdentifier", message);
  });
}

import { PlatformError } from "../base/mod.ts";

const ID = /^[a-z0-9-]{1,32}$/;

/** Ids become names of directories and groups, so they are checked before anything is made. */
export function checkSandboxId(id: string): void {
  if (ID.test(id)) return;
  throw new PlatformError(
    { kind: "invalid", field: "id" },
    `Id is ${JSON.stringify(id)} but must match ${ID}`,
  );
}

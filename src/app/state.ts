import { secureRandom, seededRandom, systemClock } from "../base/mod.ts";
import { CodeStore } from "../code/mod.ts";
import { openDiskBlobStore } from "../engine/disk/mod.ts";
import type { TableStore } from "../engine/mod.ts";
import { openSqliteTableStore } from "../engine/sqlite/mod.ts";
import {
  Accounts,
  CapacityProviderRegistry,
  EventConfigRegistry,
  FunctionRegistry,
  PolicyRegistry,
  SettingsRegistry,
  SidecarRegistry,
  UrlRegistry,
} from "../registry/mod.ts";
import { type DataPaths, readMasterKey, writeDurably } from "./data-directory.ts";

/** What a server remembers from one start to the next. */
export interface State {
  readonly table: TableStore;
  readonly accounts: Accounts;
  readonly registry: FunctionRegistry;
  readonly policies: PolicyRegistry;
  readonly urls: UrlRegistry;
  readonly settings: SettingsRegistry;
  readonly capacityProviders: CapacityProviderRegistry;
  readonly eventConfigs: EventConfigRegistry;
  readonly sidecars: SidecarRegistry;
  readonly code: CodeStore;
}

/** Opens the state of a data directory and sees to the first account and its key file. */
export async function openState(
  paths: DataPaths,
  region: string,
  opened: AsyncDisposableStack,
): Promise<State> {
  const masterKey = await readMasterKey(paths.masterKey);
  const table = opened.use(await openSqliteTableStore(paths.database));
  const blobs = await openDiskBlobStore(paths.blobs);
  const code = opened.use(new CodeStore({ blobs, cacheDirectory: paths.codeCache }));
  const options = { clock: systemClock, random: secureRandom };
  const accounts = new Accounts({ store: table, masterKey, ...options });
  const { owner, accessKeyId, secretAccessKey } = await accounts.open();
  const credentials = { accessKeyId, secretAccessKey, region, owner };
  await writeDurably(paths.credentials, `${JSON.stringify(credentials, null, 2)}\n`);
  const weights = seededRandom(secureRandom.bytes(4).readUInt32LE());
  const registry = opened.use(new FunctionRegistry({ table, code, region, weights, ...options }));
  const { parts } = registry;
  return {
    ...{ table, accounts, registry, code },
    policies: new PolicyRegistry(parts),
    urls: new UrlRegistry(parts),
    settings: new SettingsRegistry(parts),
    sidecars: await SidecarRegistry.open(registry),
    capacityProviders: new CapacityProviderRegistry(parts),
    eventConfigs: new EventConfigRegistry(parts),
  };
}

/** registry: the control plane's state of functions and owners. */
export type { AccessKey, Credential, Principal, TemporaryCredentials } from "./access-key.ts";
export type { Account, AccountsOptions, NewAccount } from "./accounts.ts";
export { Accounts, OPERATOR } from "./accounts.ts";
export type { CreateAlias, UpdateAlias } from "./alias-registry.ts";
export { AliasRegistry } from "./alias-registry.ts";
export type { ChangeKind, ChangeListener } from "./changes.ts";
export type { CodePort } from "./code-references.ts";
export type { AccountSettings } from "./concurrency-registry.ts";
export { ConcurrencyRegistry } from "./concurrency-registry.ts";
export type { ConfigurationChange, NewConfiguration } from "./function.core.ts";
export type {
  CreateFunction,
  FunctionDescription,
  FunctionRegistryOptions,
  PublishVersion,
  RegistryParts,
  UpdateCode,
} from "./function-registry.ts";
export { FunctionRegistry } from "./function-registry.ts";
export type { Page, PageRequest } from "./page.ts";
export type { ResolvedFunction } from "./resolve.ts";
export { MASTER_KEY_BYTES } from "./sealing.ts";
export type { SessionRequest } from "./session-tokens.ts";
export type { Usage } from "./usage.ts";

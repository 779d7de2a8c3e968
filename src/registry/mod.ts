/** registry: the control plane's state of functions and owners. */
export type { AccessKey, Credential, Principal, TemporaryCredentials } from "./access-key.ts";
export type { Account, AccountsOptions, NewAccount } from "./accounts.ts";
export { Accounts, OPERATOR } from "./accounts.ts";
export type { CreateAlias, UpdateAlias } from "./alias-registry.ts";
export { AliasRegistry } from "./alias-registry.ts";
export type { CapacityProviderConfig, ScalingConfig } from "./capacity-provider.core.ts";
export { capacityProviderOf } from "./capacity-provider.core.ts";
export type { CapacityProvider } from "./capacity-provider-registry.ts";
export { CapacityProviderRegistry } from "./capacity-provider-registry.ts";
export type { ChangeKind, ChangeListener } from "./changes.ts";
export type { CodePort } from "./code-references.ts";
export type { CodeSigningSettings, UntrustedCode } from "./code-signing-registry.ts";
export { CodeSigningRegistry } from "./code-signing-registry.ts";
export type { AccountSettings } from "./concurrency-registry.ts";
export { ConcurrencyRegistry } from "./concurrency-registry.ts";
export type {
  Destinations,
  EventConfig,
  EventConfigChange,
  EventSettings,
} from "./event-config-registry.ts";
export { EventConfigRegistry } from "./event-config-registry.ts";
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
export { KeyedLock } from "./keyed-lock.ts";
export type { LayerFilter, LayerPolicy, LayerVersion } from "./layer.core.ts";
export type { LayerUser, PublishLayer } from "./layer-registry.ts";
export { LayerRegistry } from "./layer-registry.ts";
export type { Page, PageRequest } from "./page.ts";
export type { PolicyPrincipal, PolicyRequest, PolicyStatement } from "./policy.core.ts";
export type { Permission } from "./policy-document.core.ts";
export type { Policy } from "./policy-registry.ts";
export { PolicyRegistry } from "./policy-registry.ts";
export type { ProvisionedConfig, ProvisionedTarget } from "./provisioned-registry.ts";
export { ProvisionedRegistry } from "./provisioned-registry.ts";
export type { ResolvedFunction } from "./resolve.ts";
export { MASTER_KEY_BYTES } from "./sealing.ts";
export type { SessionRequest } from "./session-tokens.ts";
export type { RecursiveLoop, RuntimeManagement } from "./settings-registry.ts";
export { SettingsRegistry } from "./settings-registry.ts";
export { plainWish } from "./sidecar-policy.core.ts";
export type { RegisterSidecar } from "./sidecar-registry.ts";
export { SidecarRegistry, sidecarNotFound } from "./sidecar-registry.ts";
export { SigningProfiles } from "./signing-profiles.ts";
export type { Cors, FunctionUrl, InvokeMode, UrlAuthType } from "./url-record.ts";
export type { CreateUrl, UpdateUrl } from "./url-registry.ts";
export { UrlRegistry } from "./url-registry.ts";
export type { Usage } from "./usage.ts";

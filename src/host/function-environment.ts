import type { FunctionVersion, Owner } from "../model/mod.ts";
import type { InitialiseRequest } from "./channel.ts";

/** Short-lived keys of a function's owner, for calls from inside back to Hearth. */
export interface FunctionCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

export type CredentialSource = (owner: Owner, sessionName: string) => FunctionCredentials;

/** AWS's word for why an environment is initialised. */
export type InitialisationType = "on-demand" | "provisioned-concurrency";

/** What differs from one environment to the next of the same version. */
export interface EnvironmentFacts {
  readonly environmentId: string;
  readonly region: string;
  readonly initialisation: InitialisationType;
  /** Where Hearth's own services answer from inside; undefined when there is no way back. */
  readonly endpointUrl?: string;
  readonly runtimeApi: string;
  readonly imageEnvironment: Readonly<Record<string, string>>;
  readonly credentials: FunctionCredentials;
  /** Real paths where the isolation does not give every sandbox its own /var/task. */
  readonly taskRoot: string;
  /** Wall clock, milliseconds since 1970. */
  readonly nowMs: number;
}

/** `2026/11/21/[$LATEST]0123…`: one stream an environment, as on Lambda. */
export function logStreamName(
  version: FunctionVersion,
  facts: Pick<EnvironmentFacts, "environmentId" | "nowMs">,
): string {
  const day = new Date(facts.nowMs).toISOString().slice(0, 10).replaceAll("-", "/");
  return `${day}/[${version.version}]${facts.environmentId}`;
}

/**
 * All that a runtime needs to become one version of one function. The user's own variables never
 * override the reserved ones.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 */
export function initialiseRequest(
  version: FunctionVersion,
  facts: EnvironmentFacts,
): InitialiseRequest {
  const { configuration, name } = version;
  const logGroup = configuration.logging.group;
  const logStream = logStreamName(version, facts);
  const reserved: Record<string, string> = {
    AWS_ACCESS_KEY_ID: facts.credentials.accessKeyId,
    AWS_DEFAULT_REGION: facts.region,
    AWS_EXECUTION_ENV: `AWS_Lambda_${configuration.runtime}`,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(configuration.memorySizeMiB),
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_VERSION: version.version,
    AWS_LAMBDA_INITIALIZATION_TYPE: facts.initialisation,
    AWS_LAMBDA_LOG_GROUP_NAME: logGroup,
    AWS_LAMBDA_LOG_STREAM_NAME: logStream,
    AWS_LAMBDA_RUNTIME_API: facts.runtimeApi,
    AWS_REGION: facts.region,
    AWS_SECRET_ACCESS_KEY: facts.credentials.secretAccessKey,
    AWS_SESSION_TOKEN: facts.credentials.sessionToken,
    LAMBDA_RUNTIME_DIR: "/var/runtime",
    LAMBDA_TASK_ROOT: facts.taskRoot,
    _HANDLER: configuration.handler,
  };
  const { format, applicationLogLevel } = configuration.logging;
  reserved.AWS_LAMBDA_LOG_FORMAT = format;
  if (applicationLogLevel !== undefined) reserved.AWS_LAMBDA_LOG_LEVEL = applicationLogLevel;
  if (facts.endpointUrl !== undefined) reserved.AWS_ENDPOINT_URL = facts.endpointUrl;
  return {
    handler: configuration.handler,
    environment: { ...facts.imageEnvironment, ...configuration.environment, ...reserved },
    functionName: name,
    functionVersion: version.version,
    memoryMiB: configuration.memorySizeMiB,
    logGroup,
    logStream,
    logFormat: configuration.logging.format,
  };
}

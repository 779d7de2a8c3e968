import { PlatformError } from "../base/mod.ts";
import { limits } from "../model/mod.ts";

/**
 * Variables that the runtime itself sets.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 */
const RESERVED: ReadonlySet<string> = new Set([
  "_HANDLER",
  "_X_AMZN_TRACE_ID",
  "AWS_DEFAULT_REGION",
  "AWS_REGION",
  "AWS_EXECUTION_ENV",
  "AWS_LAMBDA_FUNCTION_NAME",
  "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
  "AWS_LAMBDA_FUNCTION_VERSION",
  "AWS_LAMBDA_INITIALIZATION_TYPE",
  "AWS_LAMBDA_LOG_GROUP_NAME",
  "AWS_LAMBDA_LOG_STREAM_NAME",
  "AWS_ACCESS_KEY",
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_LAMBDA_RUNTIME_API",
  "LAMBDA_TASK_ROOT",
  "LAMBDA_RUNTIME_DIR",
]);

const FAILED = "Lambda was unable to configure your environment variables because the environment";

/**
 * Checks what no pattern of a single variable can: reserved names and the size of all together,
 * measured as AWS does, as compact JSON.
 * @throws PlatformError kind "invalid"
 */
export function requireEnvironment(variables: Readonly<Record<string, string>>): void {
  const reserved = Object.keys(variables).filter((name) => RESERVED.has(name));
  if (reserved.length > 0) {
    throw new PlatformError(
      { kind: "invalid", field: "Environment.Variables" },
      `${FAILED} variables you have provided contains reserved keys that are currently not ` +
        `supported for modification. Reserved keys used in this request: ${reserved.join(", ")}`,
    );
  }
  const measured = JSON.stringify(variables);
  if (Buffer.byteLength(measured) <= limits.ENVIRONMENT_BYTES_MAX) return;
  throw new PlatformError(
    { kind: "invalid", field: "Environment.Variables" },
    `${FAILED} variables you have provided exceeded the 4KB limit. String measured: ${measured}`,
  );
}

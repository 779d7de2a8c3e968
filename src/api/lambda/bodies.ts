import Type from "typebox";
import { type Architecture, limits } from "../../model/mod.ts";
import type { WireConfiguration } from "./configuration.ts";
import { durableConfig } from "./durable-config.ts";
import { type BodyParser, bodyParser, whole } from "./validation.ts";

/** Bodies of the requests that carry a function's configuration or code. */

export interface WireCode {
  readonly ZipFile?: string;
  readonly S3Bucket?: string;
  readonly S3Key?: string;
  readonly ImageUri?: string;
  readonly SourceKMSKeyArn?: string;
}

export interface CreateFunctionBody extends WireConfiguration {
  readonly FunctionName: string;
  readonly Role: string;
  readonly Code: WireCode;
  readonly Publish?: boolean;
  readonly PackageType?: "Zip" | "Image";
  readonly Tags?: Readonly<Record<string, string>>;
  readonly CodeSigningConfigArn?: string;
  readonly TenancyConfig?: object;
}

export interface UpdateConfigurationBody extends WireConfiguration {
  readonly RevisionId?: string;
}

export interface UpdateCodeBody extends WireCode {
  readonly RevisionId?: string;
  readonly Architectures?: readonly Architecture[];
  readonly Publish?: boolean;
  readonly DryRun?: boolean;
}

const role = Type.String({
  pattern: whole("arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+"),
});
/** Quoted from AWS, as are all patterns here. */
export const LAYER_VERSION_ARN: string =
  "arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+";
export const CODE_SIGNING_CONFIG_ARN: string =
  "arn:(aws[a-zA-Z-]*)?:lambda:[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:" +
  "code-signing-config:csc-[a-z0-9]{17}";
const architectures = Type.Optional(
  Type.Array(Type.Enum(["x86_64", "arm64"]), { minItems: 1, maxItems: 1 }),
);

const code = {
  ZipFile: Type.Optional(Type.String()),
  S3Bucket: Type.Optional(Type.String()),
  S3Key: Type.Optional(Type.String()),
  S3ObjectVersion: Type.Optional(Type.String({ minLength: 1, maxLength: 1024 })),
  S3ObjectStorageMode: Type.Optional(Type.String()),
  ImageUri: Type.Optional(Type.String()),
  SourceKMSKeyArn: Type.Optional(Type.String()),
};

/**
 * Members that CreateFunction and UpdateFunctionConfiguration share, with the constraints of AWS's
 * API model. Source: https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
 */
const configuration = {
  Role: Type.Optional(role),
  Runtime: Type.Optional(Type.String()),
  Handler: Type.Optional(Type.String({ maxLength: 128, pattern: whole("[^\\s]+") })),
  Description: Type.Optional(Type.String({ maxLength: 256 })),
  Timeout: Type.Optional(
    Type.Integer({ minimum: limits.TIMEOUT_SECONDS_MIN, maximum: limits.TIMEOUT_SECONDS_MAX }),
  ),
  MemorySize: Type.Optional(
    Type.Integer({ minimum: limits.MEMORY_MIB_MIN, maximum: limits.MEMORY_MIB_MAX }),
  ),
  Environment: Type.Optional(
    Type.Object({ Variables: Type.Optional(Type.Record(Type.String(), Type.String())) }),
  ),
  EphemeralStorage: Type.Optional(
    Type.Object({
      Size: Type.Integer({
        minimum: limits.EPHEMERAL_STORAGE_MIB_MIN,
        maximum: limits.EPHEMERAL_STORAGE_MIB_MAX,
      }),
    }),
  ),
  TracingConfig: Type.Optional(
    Type.Object({ Mode: Type.Optional(Type.Enum(["Active", "PassThrough"])) }),
  ),
  LoggingConfig: Type.Optional(
    Type.Object({
      LogFormat: Type.Optional(Type.Enum(["JSON", "Text"])),
      ApplicationLogLevel: Type.Optional(
        Type.Enum(["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]),
      ),
      SystemLogLevel: Type.Optional(Type.Enum(["DEBUG", "INFO", "WARN"])),
      LogGroup: Type.Optional(
        Type.String({ minLength: 1, maxLength: 512, pattern: whole("[\\.\\-_/#A-Za-z0-9]+") }),
      ),
    }),
  ),
  VpcConfig: Type.Optional(
    Type.Object({
      SubnetIds: Type.Optional(
        Type.Array(Type.String({ pattern: whole("subnet-[0-9a-z]*") }), { maxItems: 16 }),
      ),
      SecurityGroupIds: Type.Optional(
        Type.Array(Type.String({ pattern: whole("sg-[0-9a-zA-Z]*") }), { maxItems: 5 }),
      ),
      Ipv6AllowedForDualStack: Type.Optional(Type.Boolean()),
    }),
  ),
  DeadLetterConfig: Type.Optional(
    Type.Object({
      TargetArn: Type.Optional(
        Type.String({ pattern: whole("(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()") }),
      ),
    }),
  ),
  SnapStart: Type.Optional(
    Type.Object({ ApplyOn: Type.Optional(Type.Enum(["PublishedVersions", "None"])) }),
  ),
  Layers: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 140, pattern: whole(LAYER_VERSION_ARN) })),
  ),
  FileSystemConfigs: Type.Optional(Type.Array(Type.Unknown())),
  ImageConfig: Type.Optional(Type.Object({})),
  KMSKeyArn: Type.Optional(Type.String()),
  CapacityProviderConfig: Type.Optional(
    Type.Object({
      LambdaManagedInstancesCapacityProviderConfig: Type.Object({
        CapacityProviderArn: Type.String({
          minLength: 1,
          maxLength: 140,
          pattern: whole(
            "arn:aws[a-zA-Z-]*:lambda:[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:" +
              "capacity-provider:[a-zA-Z0-9-_]+",
          ),
        }),
        PerExecutionEnvironmentMaxConcurrency: Type.Optional(
          Type.Integer({ minimum: 1, maximum: 1600 }),
        ),
        ExecutionEnvironmentMemoryGiBPerVCpu: Type.Optional(
          Type.Number({ minimum: 2, maximum: 8 }),
        ),
      }),
    }),
  ),
  DurableConfig: Type.Optional(durableConfig),
};

export const createFunctionBody: BodyParser<CreateFunctionBody> = bodyParser(
  Type.Object({
    ...configuration,
    FunctionName: Type.String({ minLength: 1 }),
    Role: role,
    Architectures: architectures,
    Code: Type.Object(code),
    Publish: Type.Optional(Type.Boolean()),
    PublishTo: Type.Optional(Type.Enum(["LATEST_PUBLISHED"])),
    PackageType: Type.Optional(Type.Enum(["Zip", "Image"])),
    Tags: Type.Optional(Type.Record(Type.String(), Type.String())),
    CodeSigningConfigArn: Type.Optional(
      Type.String({ maxLength: 200, pattern: whole(CODE_SIGNING_CONFIG_ARN) }),
    ),
    TenancyConfig: Type.Optional(Type.Object({})),
  }),
);

export const updateConfigurationBody: BodyParser<UpdateConfigurationBody> = bodyParser(
  Type.Object({ ...configuration, RevisionId: Type.Optional(Type.String()) }),
);

export const updateCodeBody: BodyParser<UpdateCodeBody> = bodyParser(
  Type.Object({
    ...code,
    RevisionId: Type.Optional(Type.String()),
    Architectures: architectures,
    Publish: Type.Optional(Type.Boolean()),
    PublishTo: Type.Optional(Type.Enum(["LATEST_PUBLISHED"])),
    DryRun: Type.Optional(Type.Boolean()),
  }),
);

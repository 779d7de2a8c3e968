import Type from "typebox";
import { type BodyParser, bodyParser, whole } from "../validation.ts";

/** Bodies of the requests on event source mappings, with the constraints of AWS's model. */

export const SOURCE_ARN_PATTERN: string =
  "arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:([a-z]{2}(-gov)?-[a-z]+-\\d{1})?:(\\d{12})?:(.*)";
const DESTINATION_PATTERN =
  "$|kafka://([^.]([a-zA-Z0-9\\-_.]{0,248}))|" +
  "arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1})?:" +
  "(\\d{12})?:(.*)";
const URI = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: whole("[a-zA-Z0-9-\\/*:_+=.@-]*"),
});
const KMS_KEY = Type.String({ pattern: whole("(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()") });

const Destination = Type.Optional(
  Type.Object({
    Destination: Type.Optional(
      Type.String({ maxLength: 350, pattern: whole(DESTINATION_PATTERN) }),
    ),
  }),
);

function count(minimum: number, maximum: number): Type.TOptional<Type.TInteger> {
  return Type.Optional(Type.Integer({ minimum, maximum }));
}

export interface WireMapping {
  readonly FunctionName?: string;
  readonly EventSourceArn?: string;
  readonly BatchSize?: number;
  readonly FilterCriteria?: { readonly Filters?: readonly { readonly Pattern?: string }[] };
  readonly MaximumBatchingWindowInSeconds?: number;
  readonly StartingPosition?: "TRIM_HORIZON" | "LATEST" | "AT_TIMESTAMP";
  readonly StartingPositionTimestamp?: number;
  readonly DestinationConfig?: { readonly OnSuccess?: object };
  readonly SourceAccessConfigurations?: readonly object[];
  readonly SelfManagedEventSource?: {
    readonly Endpoints?: Readonly<Record<string, readonly string[]>>;
  };
}

/** Members of both requests. */
const changeable = {
  Enabled: Type.Optional(Type.Boolean()),
  BatchSize: count(1, 10_000),
  FilterCriteria: Type.Optional(
    Type.Object({
      Filters: Type.Optional(
        Type.Array(Type.Object({ Pattern: Type.Optional(Type.String({ maxLength: 4096 })) })),
      ),
    }),
  ),
  MaximumBatchingWindowInSeconds: count(0, 300),
  ParallelizationFactor: count(1, 10),
  DestinationConfig: Type.Optional(Type.Object({ OnSuccess: Destination, OnFailure: Destination })),
  MaximumRecordAgeInSeconds: count(-1, 604_800),
  BisectBatchOnFunctionError: Type.Optional(Type.Boolean()),
  MaximumRetryAttempts: count(-1, 10_000),
  TumblingWindowInSeconds: count(0, 900),
  SourceAccessConfigurations: Type.Optional(
    Type.Array(
      Type.Object({
        Type: Type.Optional(
          Type.Enum([
            ...["BASIC_AUTH", "VPC_SUBNET", "VPC_SECURITY_GROUP", "SASL_SCRAM_512_AUTH"],
            ...["SASL_SCRAM_256_AUTH", "VIRTUAL_HOST", "CLIENT_CERTIFICATE_TLS_AUTH"],
            "SERVER_ROOT_CA_CERTIFICATE",
          ]),
        ),
        URI: Type.Optional(URI),
      }),
      { maxItems: 22 },
    ),
  ),
  FunctionResponseTypes: Type.Optional(
    Type.Array(Type.Enum(["ReportBatchItemFailures"]), { maxItems: 1 }),
  ),
  ScalingConfig: Type.Optional(Type.Object({ MaximumConcurrency: count(2, 1000) })),
  DocumentDBEventSourceConfig: Type.Optional(
    Type.Object({
      DatabaseName: Type.Optional(
        Type.String({ minLength: 1, maxLength: 63, pattern: whole("[^ /\\.$\\x22]*") }),
      ),
      CollectionName: Type.Optional(Type.String({ minLength: 1, maxLength: 57 })),
      FullDocument: Type.Optional(Type.Enum(["UpdateLookup", "Default"])),
    }),
  ),
  KMSKeyArn: Type.Optional(KMS_KEY),
  MetricsConfig: Type.Optional(
    Type.Object({
      Metrics: Type.Optional(
        Type.Array(Type.Enum(["EventCount", "ErrorCount", "KafkaMetrics"]), { maxItems: 3 }),
      ),
    }),
  ),
  LoggingConfig: Type.Optional(
    Type.Object({ SystemLogLevel: Type.Optional(Type.Enum(["DEBUG", "INFO", "WARN"])) }),
  ),
  ProvisionedPollerConfig: Type.Optional(
    Type.Object({
      MinimumPollers: count(1, 200),
      MaximumPollers: count(1, 2000),
      PollerGroupName: Type.Optional(
        Type.String({ maxLength: 128, pattern: whole("[a-zA-Z0-9-_]*") }),
      ),
    }),
  ),
};

const kafka = {
  AmazonManagedKafkaEventSourceConfig: Type.Optional(
    Type.Object({ ConsumerGroupId: Type.Optional(URI) }),
  ),
  SelfManagedKafkaEventSourceConfig: Type.Optional(
    Type.Object({ ConsumerGroupId: Type.Optional(URI) }),
  ),
};

const created = {
  FunctionName: Type.String({ minLength: 1 }),
  EventSourceArn: Type.Optional(Type.String({ pattern: whole(SOURCE_ARN_PATTERN) })),
  StartingPosition: Type.Optional(Type.Enum(["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"])),
  StartingPositionTimestamp: Type.Optional(Type.Number()),
  Tags: Type.Optional(Type.Record(Type.String(), Type.String())),
  Topics: Type.Optional(
    Type.Array(
      Type.String({ minLength: 1, maxLength: 249, pattern: whole("[^.]([a-zA-Z0-9\\-_.]+)") }),
      { minItems: 1, maxItems: 1 },
    ),
  ),
  Queues: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 1000 }), { minItems: 1, maxItems: 1 }),
  ),
  SelfManagedEventSource: Type.Optional(
    Type.Object({
      Endpoints: Type.Optional(
        Type.Record(
          Type.String({ pattern: "^KAFKA_BOOTSTRAP_SERVERS$" }),
          Type.Array(Type.String({ minLength: 1, maxLength: 300 }), { minItems: 1, maxItems: 10 }),
        ),
      ),
    }),
  ),
  ...kafka,
};

export const createMappingBody: BodyParser<WireMapping & { readonly FunctionName: string }> =
  bodyParser(Type.Object({ ...changeable, ...created }));

export const updateMappingBody: BodyParser<WireMapping> = bodyParser(
  Type.Object({
    ...changeable,
    ...kafka,
    FunctionName: Type.Optional(Type.String({ minLength: 1 })),
  }),
);

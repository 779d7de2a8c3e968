import Type, { type TObject } from "typebox";
import type {
  ErrorObject,
  OperationAction,
  OperationType,
  OperationUpdate,
} from "../../durable/mod.ts";
import { limits } from "../../model/mod.ts";
import { type BodyParser, bodyParser, whole } from "./validation.ts";

/**
 * Bodies of the durable operations, with the constraints of AWS's API model.
 * Source: https://docs.aws.amazon.com/lambda/latest/api/API_CheckpointDurableExecution.html
 */

export interface CheckpointBody {
  readonly CheckpointToken: string;
  readonly ClientToken?: string;
  readonly Updates?: readonly WireUpdate[];
}

interface WireUpdate {
  readonly Id: string;
  readonly Type: OperationType;
  readonly Action: OperationAction;
  readonly ParentId?: string;
  readonly Name?: string;
  readonly SubType?: string;
  readonly Payload?: string;
  readonly Error?: ErrorObject;
  readonly ContextOptions?: { readonly ReplayChildren?: boolean };
  readonly StepOptions?: { readonly NextAttemptDelaySeconds?: number };
  readonly WaitOptions?: { readonly WaitSeconds?: number };
  readonly CallbackOptions?: {
    readonly TimeoutSeconds?: number;
    readonly HeartbeatTimeoutSeconds?: number;
  };
  readonly ChainedInvokeOptions?: { readonly FunctionName: string };
}

const operationId = Type.String({ minLength: 1, maxLength: 64, pattern: whole("[a-zA-Z0-9-_]+") });
const seconds = Type.Integer({ minimum: 1, maximum: limits.DURABLE_TIMEOUT_SECONDS_MAX });
const duration = Type.Optional(Type.Integer({ minimum: 0 }));

const errorObject: TObject = Type.Object({
  ErrorMessage: Type.Optional(Type.String()),
  ErrorType: Type.Optional(Type.String()),
  ErrorData: Type.Optional(Type.String()),
  StackTrace: Type.Optional(Type.Array(Type.String())),
});

const FUNCTION_NAME =
  "(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?" +
  "(\\d{12}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";

const update: TObject = Type.Object({
  Id: operationId,
  Type: Type.Enum(["EXECUTION", "CONTEXT", "STEP", "WAIT", "CALLBACK", "CHAINED_INVOKE"]),
  Action: Type.Enum(["START", "SUCCEED", "FAIL", "RETRY", "CANCEL"]),
  ParentId: Type.Optional(operationId),
  Name: Type.Optional(
    Type.String({ minLength: 1, maxLength: 256, pattern: whole("[\\x20-\\x7E]+") }),
  ),
  SubType: Type.Optional(
    Type.String({ minLength: 1, maxLength: 32, pattern: whole("[a-zA-Z0-9-_]+") }),
  ),
  Payload: Type.Optional(Type.String({ maxLength: limits.INVOKE_PAYLOAD_BYTES_MAX })),
  Error: Type.Optional(errorObject),
  ContextOptions: Type.Optional(Type.Object({ ReplayChildren: Type.Optional(Type.Boolean()) })),
  StepOptions: Type.Optional(Type.Object({ NextAttemptDelaySeconds: Type.Optional(seconds) })),
  WaitOptions: Type.Optional(Type.Object({ WaitSeconds: Type.Optional(seconds) })),
  CallbackOptions: Type.Optional(
    Type.Object({ TimeoutSeconds: duration, HeartbeatTimeoutSeconds: duration }),
  ),
  ChainedInvokeOptions: Type.Optional(
    Type.Object({
      FunctionName: Type.String({ minLength: 1, maxLength: 256, pattern: whole(FUNCTION_NAME) }),
      TenantId: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    }),
  ),
});

export const checkpointBody: BodyParser<CheckpointBody> = bodyParser(
  Type.Object({
    CheckpointToken: Type.String({
      minLength: 1,
      maxLength: 2048,
      pattern: whole("[A-Za-z0-9+/]+={0,2}"),
    }),
    ClientToken: Type.Optional(
      Type.String({ minLength: 1, maxLength: 64, pattern: whole("[\\x21-\\x7E]+") }),
    ),
    Updates: Type.Optional(Type.Array(update)),
  }),
) as BodyParser<unknown> as BodyParser<CheckpointBody>;

export const errorBody: BodyParser<ErrorObject> = bodyParser(
  errorObject,
) as BodyParser<unknown> as BodyParser<ErrorObject>;

/** An update in the domain's terms. */
export function updateOf(wire: WireUpdate): OperationUpdate {
  const { StepOptions, WaitOptions, CallbackOptions, ChainedInvokeOptions } = wire;
  const members = {
    id: wire.Id,
    type: wire.Type,
    action: wire.Action,
    parentId: wire.ParentId,
    name: wire.Name,
    subType: wire.SubType,
    payload: wire.Payload,
    error: wire.Error && errorOf(wire.Error),
    replayChildren: wire.ContextOptions?.ReplayChildren,
    nextAttemptDelaySeconds: StepOptions && (StepOptions.NextAttemptDelaySeconds ?? 0),
    waitSeconds: WaitOptions?.WaitSeconds,
    timeoutSeconds: CallbackOptions?.TimeoutSeconds,
    heartbeatSeconds: CallbackOptions?.HeartbeatTimeoutSeconds,
    functionName: ChainedInvokeOptions?.FunctionName,
  };
  const given = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as unknown as OperationUpdate;
}

/** The members of an error that AWS knows; others are not kept. */
export function errorOf(wire: ErrorObject): ErrorObject {
  const { ErrorMessage, ErrorType, ErrorData, StackTrace } = wire;
  return {
    ...(ErrorMessage === undefined ? {} : { ErrorMessage }),
    ...(ErrorType === undefined ? {} : { ErrorType }),
    ...(ErrorData === undefined ? {} : { ErrorData }),
    ...(StackTrace === undefined ? {} : { StackTrace }),
  };
}

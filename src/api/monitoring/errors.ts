import { PlatformError } from "../../base/mod.ts";
import { wireErrorOf } from "../http/failure.ts";

/** An error by the code that the query protocol has for it. */
export type MonitoringCode =
  | "InvalidAction"
  | "InvalidParameterValue"
  | "InvalidParameterCombination"
  | "MissingParameter"
  | "InvalidNextToken"
  | "ValidationError"
  | "SerializationException"
  | "LimitExceeded"
  | "ServiceUnavailable";

/** A refusal that only this dialect knows; all others are PlatformErrors. */
export class MonitoringError extends Error {
  readonly code: MonitoringCode;

  constructor(code: MonitoringCode, message: string) {
    super(message);
    this.name = "MonitoringError";
    this.code = code;
  }
}

/** An error as every protocol of this service can say it. */
export interface WireError {
  readonly status: number;
  /** The query protocol's code. */
  readonly code: string;
  /** Name of its shape in the newer protocols. */
  readonly shape: string;
  readonly message: string;
}

/** Shapes whose name is not the code. Source: trait awsQueryError of CloudWatch's API model. */
const SHAPES: Readonly<Record<string, string>> = {
  InvalidParameterValue: "InvalidParameterValueException",
  InvalidParameterCombination: "InvalidParameterCombinationException",
  MissingParameter: "MissingRequiredParameterException",
  LimitExceeded: "LimitExceededFault",
  InvalidAction: "UnknownOperationException",
};

export function monitoringError(error: unknown): WireError {
  if (error instanceof MonitoringError) {
    const status = error.code === "ServiceUnavailable" ? 503 : 400;
    return wire(status, error.code, error.message);
  }
  if (error instanceof PlatformError) {
    const { message } = error;
    if (error.kind === "invalid") return wire(400, "InvalidParameterValue", message);
    if (error.kind === "quota") return wire(400, "LimitExceeded", message);
    if (error.kind === "overloaded") return wire(503, "ServiceUnavailable", message);
    if (error.kind === "unknown_operation") return wire(400, "InvalidAction", message);
  }
  const { status, code, message } = wireErrorOf(error);
  return wire(status, code === "ServiceException" ? "InternalServiceError" : code, message);
}

function wire(status: number, code: string, message: string): WireError {
  return { status, code, shape: SHAPES[code] ?? code, message };
}

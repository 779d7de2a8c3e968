/** durable: executions of durable functions, from checkpoint to checkpoint, over crashes. */
export { requireQualified } from "./chained-invoke.ts";
export type { DurableExecutionsOptions } from "./durable-executions.ts";
export { DurableExecutions } from "./durable-executions.ts";
export type {
  ExecutionEnd,
  ExecutionRecord,
  ExecutionReference,
  ExecutionStatus,
} from "./execution.ts";
export { EXECUTION_STATUSES } from "./execution.ts";
export type {
  ErrorObject,
  HistoryEvent,
  Operation,
  OperationAction,
  OperationType,
  OperationUpdate,
} from "./operation.ts";
export { inSeconds, operationShape } from "./operation-shape.ts";
export type { StartExecution } from "./start.ts";

import type { Static, TSchema } from "typebox";
import type { Owner } from "../../model/mod.ts";
import type { LogStore } from "../../monitoring/mod.ts";
import { LambdaError } from "../lambda/errors.ts";
import { bodyParser } from "../lambda/validation.ts";
import { LogsError } from "./errors.ts";

/** What this dialect stands on; given by app/. */
export interface LogsServices {
  readonly logs: LogStore;
  /** Stands in every ARN. */
  readonly region: string;
}

/** One request on its way through an operation. */
export interface LogsCall {
  readonly services: LogsServices;
  readonly owner: Owner;
  readonly body: Buffer;
}

/** Wire in, what is to be answered out; undefined for an empty answer. */
export type Operation = (call: LogsCall) => Promise<unknown>;

/** An operation whose request has this shape. */
export function operation<S extends TSchema>(
  schema: S,
  run: (call: LogsCall, input: Static<S>) => Promise<unknown>,
): Operation {
  const parser = bodyParser(schema);
  return async (call) =>
    await run(
      call,
      inThisDialect(() => parser.parse(call.body)),
    );
}

/** The same checks as Lambda's; a broken constraint has another name here. */
function inThisDialect<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof LambdaError)) throw error;
    const isShape = error.code === "ValidationException";
    const code = isShape ? "InvalidParameterException" : "SerializationException";
    throw new LogsError(400, code, error.message);
  }
}

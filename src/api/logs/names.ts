import Type from "typebox";
import { whole } from "../lambda/validation.ts";
import { invalidParameter } from "./errors.ts";
import type { LogsCall } from "./operation.ts";

/**
 * Members that several operations have.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html
 */
export const GroupName: Type.TString = Type.String({
  minLength: 1,
  maxLength: 512,
  pattern: whole("[\\.\\-_/#A-Za-z0-9]+"),
});
export const GroupIdentifier: Type.TString = Type.String({
  minLength: 1,
  maxLength: 2048,
  pattern: whole("[\\w#+=/:,.@-]*"),
});
export const StreamName: Type.TString = Type.String({
  minLength: 1,
  maxLength: 512,
  pattern: whole("[^:*]*"),
});
export const Timestamp: Type.TInteger = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
});
export const Token: Type.TString = Type.String({ minLength: 1, maxLength: 2048 });

/** `arn:aws:logs:REGION:OWNER:log-group:NAME` */
export function groupArn({ services, owner }: LogsCall, name: string): string {
  return `arn:aws:logs:${services.region}:${owner}:log-group:${name}`;
}

/** The group that a request names, by name or by ARN. */
export function namedGroup(
  call: LogsCall,
  input: { readonly logGroupName?: string; readonly logGroupIdentifier?: string },
): string {
  const { logGroupName: name, logGroupIdentifier: identifier } = input;
  if (name !== undefined && identifier !== undefined) {
    throw invalidParameter("LogGroup name and LogGroup ARN are mutually exclusive parameters.");
  }
  if (name !== undefined) return name;
  if (identifier === undefined) {
    throw invalidParameter(
      "Either logGroupName or logGroupIdentifier must be specified in the request.",
    );
  }
  return identifier.startsWith("arn:") ? groupOfArn(call, identifier) : identifier;
}

/** The caller's own group that an ARN names, also one that ends with `:*`. */
export function groupOfArn(call: LogsCall, arn: string): string {
  const prefix = groupArn(call, "");
  const name = arn.startsWith(prefix) ? arn.slice(prefix.length).replace(/:\*$/, "") : "";
  if (/^[.\-_/#A-Za-z0-9]{1,512}$/.test(name)) return name;
  throw invalidParameter(`The specified resource ARN is not valid: ${arn.slice(0, 200)}`);
}

/** Tokens are opaque to clients: the position at which a page ended. */
export function encodeToken(position: string): string {
  return Buffer.from(position).toString("base64url");
}

export function decodeToken(token: string | undefined): string | undefined {
  if (token === undefined) return undefined;
  const position = Buffer.from(token, "base64url").toString();
  if (position !== "" && encodeToken(position) === token) return position;
  throw invalidToken();
}

export function invalidToken(): Error {
  return invalidParameter("The specified nextToken is invalid.");
}

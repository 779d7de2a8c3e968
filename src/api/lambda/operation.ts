import type { Clock, SecureRandom } from "../../base/mod.ts";
import type { DurableExecutions } from "../../durable/mod.ts";
import type { EventDispatcher } from "../../event/mod.ts";
import type { Provisioner } from "../../fleet/mod.ts";
import type { Invoker } from "../../invoke/mod.ts";
import type { Architecture, Owner } from "../../model/mod.ts";
import type {
  CapacityProviderRegistry,
  EventConfigRegistry,
  FunctionRegistry,
  PolicyRegistry,
  SettingsRegistry,
  UrlRegistry,
} from "../../registry/mod.ts";
import type { AuthenticatedRequest, HttpResponse } from "../http/request.ts";

/** What the Lambda dialect stands on; given by app/. */
export interface LambdaServices {
  readonly registry: FunctionRegistry;
  readonly policies: PolicyRegistry;
  readonly urls: UrlRegistry;
  readonly settings: SettingsRegistry;
  readonly capacityProviders: CapacityProviderRegistry;
  readonly invoker: Invoker;
  /** Keeps environments ready, and knows how many are. */
  readonly provisioner: Provisioner;
  /** Takes asynchronous calls. */
  readonly events: Pick<EventDispatcher, "accept">;
  readonly eventConfigs: EventConfigRegistry;
  /** Runs durable functions. */
  readonly durable: DurableExecutions;
  /** A presigned URL under `origin` from which the owner downloads a package. */
  readonly codeLocation: (owner: Owner, sha256: string, origin: string) => string;
  /** Stands in every ARN and must stand in every ARN that is asked for. */
  readonly region: string;
  /** What this host's processors run. */
  readonly architecture: Architecture;
  readonly clock: Clock;
  /** Makes trace ids. */
  readonly random: SecureRandom;
}

/** One request on its way through an operation. */
export interface LambdaCall {
  readonly services: LambdaServices;
  readonly request: AuthenticatedRequest;
  /** AWS's name of the operation. */
  readonly operation: string;
  /** Labels of the path, decoded, in order. */
  readonly labels: readonly string[];
  /** The one function of another account that its policy lets the caller use in this operation. */
  readonly permitted?: NamedFunction;
}

/** The function that a request names, after every check that needs no look-up. */
export interface NamedFunction {
  readonly owner: Owner;
  readonly name: string;
  readonly qualifier?: string;
}

/** Wire in, wire out; throws what errors.ts maps. */
export type Operation = (call: LambdaCall) => Promise<HttpResponse>;

const JSON_HEADERS: Readonly<Record<string, string>> = { "Content-Type": "application/json" };

export function jsonResponse(status: number, body: unknown): HttpResponse {
  return { status, headers: JSON_HEADERS, body: JSON.stringify(body) };
}

export function emptyResponse(status: number): HttpResponse {
  return { status, headers: {}, body: "" };
}

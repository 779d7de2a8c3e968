import Type from "typebox";
import type { HttpResponse } from "../../http/request.ts";
import { invalidParameter, validationError } from "../errors.ts";
import { type NamedFunction, namedFunction } from "../names.ts";
import { emptyResponse, jsonResponse, type LambdaCall } from "../operation.ts";
import { bodyParser, violation } from "../validation.ts";
import { isCapacityProvider, ownName } from "./capacity-providers.ts";
import { isCodeSigningConfig } from "./code-signing.ts";

const body = bodyParser(Type.Object({ Tags: Type.Record(Type.String(), Type.String()) }));

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_TagResource.html */
export async function tagResource(call: LambdaCall): Promise<HttpResponse> {
  const { change } = taggedResource(call);
  const { Tags } = body.parse(call.request.body);
  if (Object.keys(Tags).length === 0) {
    throw invalidParameter("An error occurred and the request cannot be processed.");
  }
  await change(Tags);
  return emptyResponse(204);
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_UntagResource.html */
export async function untagResource(call: LambdaCall): Promise<HttpResponse> {
  const { change } = taggedResource(call);
  const keys = call.request.query.getAll("tagKeys");
  if (keys.length === 0) {
    throw validationError([violation(undefined, "tagKeys", "Member must not be null")]);
  }
  await change({}, keys);
  return emptyResponse(204);
}

/** Source: https://docs.aws.amazon.com/lambda/latest/api/API_ListTags.html */
export async function listTags(call: LambdaCall): Promise<HttpResponse> {
  return jsonResponse(200, { Tags: await taggedResource(call).read() });
}

type Tags = Readonly<Record<string, string>>;

/** Whatever has tags. */
interface Tagged {
  read(): Promise<Tags>;
  /** Adds or replaces some, then removes others by key. */
  change(added: Tags, removed?: readonly string[]): Promise<void>;
}

/** Quoted from AWS; of its kinds of resources Hearth has no layers' and event sources' tags. */
const RESOURCE_PATTERN =
  "arn:(aws[a-zA-Z-]*):lambda:[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:" +
  "(function:[a-zA-Z0-9-_]+(:(\\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|" +
  "code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:" +
  "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|" +
  "capacity-provider:[a-zA-Z0-9-_]+)";

function taggedResource(call: LambdaCall): Tagged {
  const [resource = ""] = call.labels;
  const { registry } = call.services;
  if (isCodeSigningConfig(resource)) {
    const { owner } = call.request.identity;
    return {
      read: async () => (await registry.codeSigning.get(owner, resource)).tags,
      change: (added, removed) => registry.codeSigning.changeTags(owner, resource, added, removed),
    };
  }
  if (isCapacityProvider(resource)) {
    const { owner } = call.request.identity;
    const { capacityProviders } = call.services;
    const name = ownName(call, resource);
    return {
      read: async () => (await capacityProviders.get(owner, name)).tags,
      change: (added, removed) => capacityProviders.changeTags(owner, name, added, removed),
    };
  }
  const { owner, name } = taggedFunction(call);
  return {
    read: () => registry.tags(owner, name),
    change: (added, removed) => registry.changeTags(owner, name, added, removed),
  };
}

function taggedFunction(call: LambdaCall): NamedFunction {
  const [resource = ""] = call.labels;
  if (!/^arn:[^:]+:lambda:[^:]+:\d{12}:function:/.test(resource)) {
    const constraint = `Member must satisfy regular expression pattern: ${RESOURCE_PATTERN}`;
    throw validationError([violation(resource, "resource", constraint)]);
  }
  const named = namedFunction(call, resource);
  if (named.qualifier === undefined) return named;
  throw invalidParameter(
    "Tags on function aliases and versions are not supported. Please specify a function ARN.",
  );
}

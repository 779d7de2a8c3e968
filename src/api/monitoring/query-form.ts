import { MonitoringError } from "./errors.ts";

/** Parts of one name; ours: names of the deepest members have eight. */
const DEPTH_MAX = 12;
/** Parameters of one request; ours. */
const PARAMETERS_MAX = 50_000;

interface Node {
  value?: string;
  readonly members: Map<string, Node>;
}

/**
 * The members of a query form: `A.member.1.B=x` is `{ A: [{ B: "x" }] }`. All leaves are text; who
 * reads them knows what they mean.
 */
export function parseQuery(form: URLSearchParams): unknown {
  if (form.size > PARAMETERS_MAX) {
    throw new MonitoringError("InvalidParameterValue", "The request has too many parameters");
  }
  const root: Node = { members: new Map() };
  for (const [name, value] of form) {
    const parts = name.split(".");
    if (parts.length > DEPTH_MAX) {
      throw new MonitoringError(
        "InvalidParameterValue",
        `Parameter ${name.slice(0, 100)} is unknown`,
      );
    }
    let node = root;
    for (const part of parts) {
      const member: Node = node.members.get(part) ?? { members: new Map() };
      node.members.set(part, member);
      node = member;
    }
    node.value = value;
  }
  return nodeValue(root);
}

function nodeValue({ value, members }: Node): unknown {
  if (members.size === 0) return value;
  const list = members.get("member");
  if (list !== undefined && members.size === 1) {
    const items = [...list.members].sort(([a], [b]) => Number(a) - Number(b));
    return items.map(([, item]) => nodeValue(item));
  }
  return Object.fromEntries(Array.from(members, ([name, member]) => [name, nodeValue(member)]));
}

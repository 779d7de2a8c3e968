/** A value as the query protocol writes it. Source: AWS Query protocol, smithy.io */
export function xmlOf(name: string, value: unknown): string {
  if (value === undefined || value === null) return "";
  return `<${name}>${contentOf(value)}</${name}>`;
}

function contentOf(value: unknown): string {
  if (value instanceof Date) return value.toISOString().replace(".000Z", "Z");
  if (Array.isArray(value)) return value.map((each) => xmlOf("member", each)).join("");
  if (value instanceof Map) {
    return Array.from(value, ([key, member]) => xmlOf("entry", { key, value: member })).join("");
  }
  if (typeof value !== "object" || value === null) return xmlText(String(value));
  return Object.entries(value)
    .map(([name, member]) => xmlOf(name, member))
    .join("");
}

export function xmlText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

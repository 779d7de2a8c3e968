import { PlatformError } from "../base/mod.ts";
import { limits } from "../model/mod.ts";

const KEY_CHARACTERS_MAX = 128;
const VALUE_CHARACTERS_MAX = 256;

/**
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html
 * @throws PlatformError kind "invalid"
 */
export function requireTags(tags: Readonly<Record<string, string>>): void {
  const entries = Object.entries(tags);
  if (entries.length > limits.TAGS_MAX) {
    throw invalid("Number of tags exceeds resource tag limit.");
  }
  for (const [key, value] of entries) {
    if (key.length === 0 || key.length > KEY_CHARACTERS_MAX) {
      throw invalid(`Tag key has ${key.length} characters, allowed are 1 to ${KEY_CHARACTERS_MAX}`);
    }
    if (value.length > VALUE_CHARACTERS_MAX) {
      throw invalid(
        `Value of tag ${key} has ${value.length} characters, allowed are ${VALUE_CHARACTERS_MAX}`,
      );
    }
    if (/^aws:/i.test(key)) throw invalid(`Tag key ${key} starts with the reserved prefix aws:`);
  }
}

function invalid(message: string): PlatformError {
  return new PlatformError({ kind: "invalid", field: "Tags" }, message);
}

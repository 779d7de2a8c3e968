/**
 * Whether the whole `text` matches `pattern`, in which `*` stands for any characters, also none,
 * and `?` for one. Patterns come from users: the time is bounded by the product of both lengths.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  let [at, place] = [0, 0];
  let [star, resume] = [-1, 0];
  while (at < text.length) {
    if (pattern[place] === "*") {
      star = place++;
      resume = at;
    } else if (place < pattern.length && (pattern[place] === "?" || pattern[place] === text[at])) {
      place++;
      at++;
    } else if (star >= 0) {
      // The last star takes one character more.
      place = star + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[place] === "*") place++;
  return place === pattern.length;
}

const ARN_PARTS = 6;

/**
 * Whether an ARN matches a pattern part by part, as AWS's ArnLike and ArnEquals compare: a star of
 * one part does not reach into the next. Undefined when the pattern is no ARN.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
 */
export function matchesArn(pattern: string, arn: string): boolean | undefined {
  const wanted = arnParts(pattern);
  if (wanted === undefined) return undefined;
  const given = arnParts(arn);
  return given?.every((part, i) => matchesGlob(wanted[i] ?? "", part)) ?? false;
}

/** The five first parts and the rest, which may have colons of its own. */
function arnParts(arn: string): string[] | undefined {
  const parts = arn.split(":");
  if (parts.length < ARN_PARTS) return undefined;
  return [...parts.slice(0, ARN_PARTS - 1), parts.slice(ARN_PARTS - 1).join(":")];
}

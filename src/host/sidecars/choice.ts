import type { FunctionPolicy, SidecarWish } from "../../model/mod.ts";

/** A sidecar that a call is to have, and who wants it. */
export interface ChosenSidecar {
  readonly wish: SidecarWish;
  readonly reason: string;
}

/** A sidecar that a policy names but this call does without. */
export interface SkippedSidecar {
  readonly name: string;
  readonly reason: string;
}

export interface ChoiceFacts {
  readonly functionPolicy: FunctionPolicy | undefined;
  readonly ownerPolicy: FunctionPolicy | undefined;
  /** What the call itself asks for. */
  readonly asked: readonly string[];
  /** Whether the function's last run failed. */
  readonly lastFailed: boolean;
  /** A draw in [0, 1) for sampling. */
  draw(): number;
  /** The wish that a bare name stands for. */
  plain(name: string): SidecarWish;
}

/**
 * Which sidecars a call gets. What the call asks for it gets, with the scope and options that a
 * policy has for it; the function's policy comes before the owner's, wish by wish. There is room
 * for so many only: those that a call must not be without come first.
 */
export function chooseSidecars(facts: ChoiceFacts): {
  readonly chosen: readonly ChosenSidecar[];
  readonly skipped: readonly SkippedSidecar[];
} {
  const wishes = new Map<string, ChosenSidecar>();
  for (const wish of facts.ownerPolicy?.sidecars ?? []) {
    wishes.set(wish.name, { wish, reason: "owner policy" });
  }
  for (const wish of facts.functionPolicy?.sidecars ?? []) {
    wishes.set(wish.name, { wish, reason: "function policy" });
  }
  for (const name of facts.asked) {
    const known = wishes.get(name)?.wish ?? facts.plain(name);
    const wish: SidecarWish = { ...known, sample: 1, when: "always" };
    wishes.set(name, { wish, reason: "asked for by the call" });
  }
  const chosen: ChosenSidecar[] = [];
  const skipped: SkippedSidecar[] = [];
  for (const { wish, reason } of wishes.values()) {
    const { name } = wish;
    if (wish.when === "failure" && !facts.lastFailed) {
      skipped.push({ name, reason: "the last run did not fail" });
    } else if (wish.sample < 1 && facts.draw() >= wish.sample) {
      skipped.push({ name, reason: `not in the sample of ${wish.sample}` });
    } else {
      const after = wish.when === "failure" ? ", after a failed run" : "";
      chosen.push({ wish, reason: reason + after });
    }
  }
  const isNeeded = ({ wish }: ChosenSidecar): boolean =>
    wish.required || facts.asked.includes(wish.name);
  chosen.sort((one, other) => Number(isNeeded(other)) - Number(isNeeded(one)));
  return { chosen, skipped };
}

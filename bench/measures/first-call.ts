import { atMost, type Bench, findingsOf, Series, type Verdict } from "../bench.ts";
import { makeCalls } from "../calls.ts";
import { sum } from "../statistics.ts";
import { functionNames, jobFor, RunningSubjects, type SubjectKind } from "../subject.ts";
import { type HearthState, hearth, ownersAreGone, poolIsFull } from "../subjects/hearth.ts";

const NEW_OWNER = "hearth, nothing else running";
const SAME_OWNER = "hearth, owner has an instance";
const FROM_POOL = labelOf(NEW_OWNER, "pool");
const PAYLOAD_BYTES = 100;
/** Memory of an instance: eight functions of the default size. */
const INSTANCE_MIB = 1024;

/** A runtime waits in every instance of an owner that has room for another function. */
function ownersRuntimeWaits(state: HearthState): boolean {
  const owned = state.environments.filter(({ owner }) => owner !== undefined);
  const instances = Map.groupBy(owned, ({ instanceId }) => instanceId);
  return poolIsFull(state) && instances.values().every((each) => waitsOrIsFull(each));
}

function waitsOrIsFull(environments: HearthState["environments"]): boolean {
  const usedMiB = sum(environments.map(({ memoryMiB }) => memoryMiB));
  return environments.some(({ state }) => state === "waiting") || usedMiB >= INSTANCE_MIB;
}

function kinds(profileDirectory: string | undefined): SubjectKind[] {
  return [
    hearth({
      name: NEW_OWNER,
      words: ["--keep-alive", "0"],
      settledWhen: ownersAreGone,
      profileDirectory,
    }),
    hearth({ name: SAME_OWNER, settledWhen: ownersRuntimeWaits }),
  ];
}

/** (1) The first call of a new function, one at a time, everything booted that should be. */
export const firstCall: Bench = {
  name: "first-call",
  title: "First call of a new function",
  async run({ client, sizes, peers, profileDirectory }) {
    const names = functionNames(sizes.firstCalls);
    await using running = await RunningSubjects.start(
      [...kinds(profileDirectory), ...peers],
      names,
    );
    const calls = await makeCalls(1, PAYLOAD_BYTES);
    const byLabel = new Map<string, Series>();
    for (const name of names) {
      for (const subject of running.subjects) {
        // All of them: what one boots in the background would be the next one's noise.
        await Promise.all(running.subjects.map((each) => each.settled()));
        const amount = { connections: 1, calls: 1, warmUpCalls: 0 };
        const result = await client.run(jobFor(subject, name, calls, amount));
        const label = labelOf(subject.name, Object.keys(result.starts)[0]);
        byLabel.set(label, (byLabel.get(label) ?? new Series(label)).add(result));
      }
    }
    const series = [...byLabel.values()];
    const rows = series.map(({ subject, summary }) => ({
      subject,
      figures: { functions: summary.count, "p50 ms": summary.p50Ms, "p99 ms": summary.p99Ms },
    }));
    return findingsOf(series, {
      rows,
      verdicts: verdictsOf(series),
      growths: series.map((each) => each.growthInCalls()),
      notes: running.refusals,
    });
  },
};

/** Calls that started in different ways do not belong into one median. */
function labelOf(subject: string, start: string | undefined): string {
  return start === undefined ? subject : `${subject}: ${start}`;
}

function verdictsOf(series: readonly Series[]): Verdict[] {
  const p50Of = (name: string): number | undefined =>
    series.find(({ subject }) => subject === name)?.summary.p50Ms;
  const own = p50Of(FROM_POOL);
  if (own === undefined) return [];
  const workerd = p50Of("workerd");
  return [
    atMost("first call from the pool, p50", own, 3.5, "ms"),
    ...(workerd === undefined
      ? []
      : [atMost("first call from the pool, p50, against workerd's", own, workerd, "ms")]),
  ];
}

import {
  atLeast,
  atMost,
  type Bench,
  type BenchContext,
  findingsOf,
  Series,
  startNotes,
  type Verdict,
} from "../bench.ts";
import { makeCalls } from "../calls.ts";
import type { LoadClient } from "../client/client.ts";
import { type Growth, growthOf } from "../statistics.ts";
import { functionNames, jobFor, RunningSubjects, type Subject } from "../subject.ts";
import { hearth, ownersAreGone, RUNTIME } from "../subjects/hearth.ts";

const HEARTH = "hearth";
const COLD = "hearth without a pool";
const PAYLOAD_BYTES = 100;
/** Long enough that no environment can serve two calls of a burst. */
const LONG_CALL_MS = 1000;
/** Against the p50 of a single cold call (TARGETS.md). */
const RATIO_MAX = 10;

/** Some calls of one new function at the same moment; `waitMs` makes each hold its environment. */
interface Burst {
  readonly subject: string;
  readonly count: number;
  readonly waitMs: number;
  readonly repetitions: number;
}

function labelOf({ subject, count, waitMs }: Omit<Burst, "repetitions">): string {
  return `${subject}, ${count} at once${waitMs > 0 ? ` of ${waitMs} ms` : ""}`;
}

/** (4) From nothing to many parallel calls of a function that was never called. */
export const burst: Bench = {
  name: "burst",
  title: "Burst of parallel calls of a new function",
  async run({ client, sizes, peers, profileDirectory }) {
    const { burstCalls, burstRepetitions } = sizes;
    const words = ["--keep-alive", "0"];
    const settledWhen = ownersAreGone;
    const kinds = [
      hearth({ name: HEARTH, words, settledWhen, profileDirectory }),
      hearth({ name: COLD, words: [...words, "--warm", `${RUNTIME}=0`], settledWhen }),
      ...peers,
    ];
    const names = functionNames(Math.max(sizes.firstCallsCold, 3 * burstRepetitions));
    await using running = await RunningSubjects.start(kinds, names);
    const series: Series[] = [];
    for (const subject of running.subjects) {
      const unused = [...names];
      for (const each of burstsOf(subject.name, sizes)) {
        series.push(await runBurst(client, subject, unused.splice(0, each.repetitions), each));
      }
    }
    return findingsOf(series, {
      rows: series.map((each) => ({ subject: each.subject, figures: figuresOf(each) })),
      verdicts: verdictsOf(series, burstCalls),
      growths: running.subjects.flatMap(({ name }) => growthsOf(series, name, burstCalls)),
      notes: [...startNotes(series), ...running.refusals],
    });
  },
};

function burstsOf(subject: string, sizes: BenchContext["sizes"]): Burst[] {
  const { burstCalls, burstRepetitions: repetitions, firstCallsCold } = sizes;
  if (subject === COLD) return [{ subject, count: 1, waitMs: 0, repetitions: firstCallsCold }];
  return [
    { subject, count: tenthOf(burstCalls), waitMs: 0, repetitions },
    { subject, count: burstCalls, waitMs: 0, repetitions },
    { subject, count: burstCalls, waitMs: LONG_CALL_MS, repetitions: 1 },
  ];
}

function tenthOf(count: number): number {
  return Math.ceil(count / 10);
}

/** One burst on each of the functions, over connections that are open. */
async function runBurst(
  client: LoadClient,
  subject: Subject,
  functions: readonly string[],
  each: Burst,
): Promise<Series> {
  const series = new Series(labelOf(each));
  const calls = await makeCalls(each.count, PAYLOAD_BYTES, each.waitMs);
  for (const name of functions) {
    await subject.settled();
    const amount = { connections: each.count, calls: each.count, warmUpCalls: 0 };
    series.add(await client.run(jobFor(subject, name, calls, amount)));
  }
  return series;
}

function figuresOf({ summary, meanElapsedMs }: Series): Record<string, number> {
  const { count, p50Ms, p99Ms } = summary;
  return { calls: count, "p50 ms": p50Ms, "p99 ms": p99Ms, "all answered ms": meanElapsedMs };
}

function verdictsOf(series: readonly Series[], burstCalls: number): Verdict[] {
  const find = (subject: string, count: number, waitMs: number): Series | undefined => {
    const label = labelOf({ subject, count, waitMs });
    return series.find((each) => each.subject === label);
  };
  const cold = find(COLD, 1, 0);
  const short = find(HEARTH, burstCalls, 0);
  const long = find(HEARTH, burstCalls, LONG_CALL_MS);
  if (cold === undefined || short === undefined || long === undefined) return [];
  const timesCold = (ms: number): number => ms / cold.summary.p50Ms;
  const longP99Ms = long.summary.p99Ms - LONG_CALL_MS;
  return [
    atLeast("share answered rightly", Math.min(short.shareAnswered, long.shareAnswered), 1, ""),
    atMost("p99", timesCold(short.summary.p99Ms), RATIO_MAX, "x one cold call"),
    atMost("p99 of long calls, beyond their length", timesCold(longP99Ms), RATIO_MAX, "x that"),
  ];
}

function growthsOf(series: readonly Series[], subject: string, count: number): Growth[] {
  const costOf = (size: number): number | undefined => {
    const label = labelOf({ subject, count: size, waitMs: 0 });
    return series.find((each) => each.subject === label)?.meanElapsedMs;
  };
  const [few, many] = [costOf(tenthOf(count)), costOf(count)];
  if (few === undefined || many === undefined) return [];
  const what = `${subject}: calls at once -> ms until all are answered`;
  return [growthOf(what, { size: tenthOf(count), cost: few }, { size: count, cost: many })];
}

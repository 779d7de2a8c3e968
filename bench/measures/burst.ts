import { atLeast, atMost, type Bench, findingsOf, Series, startNotes } from "../bench.ts";
import { makeCalls } from "../calls.ts";
import type { LoadClient } from "../client/client.ts";
import { growthOf } from "../statistics.ts";
import { functionNames, jobFor, RunningSubjects, type Subject } from "../subject.ts";
import { hearth, ownersAreGone, RUNTIME } from "../subjects/hearth.ts";

const HEARTH = "hearth";
const COLD = "hearth without a pool";
const PAYLOAD_BYTES = 100;
/** Against the p50 of a single cold call (TARGETS.md). */
const RATIO_MAX = 10;

/** (4) From nothing to many parallel calls of a function that was never called. */
export const burst: Bench = {
  name: "burst",
  title: "Burst of parallel calls of a new function",
  async run({ client, sizes, peers, profileDirectory }) {
    const { burstCalls, burstRepetitions, firstCallsCold } = sizes;
    const names = functionNames(2 * burstRepetitions + firstCallsCold);
    const words = ["--keep-alive", "0"];
    const settledWhen = ownersAreGone;
    const kinds = [
      hearth({ name: HEARTH, words, settledWhen, profileDirectory }),
      hearth({ name: COLD, words: [...words, "--warm", `${RUNTIME}=0`], settledWhen }),
      ...peers,
    ];
    await using running = await RunningSubjects.start(kinds, names);
    const series: Series[] = [];
    for (const subject of running.subjects) {
      const unused = names[Symbol.iterator]();
      const counts = subject.name === COLD ? [1] : [Math.ceil(burstCalls / 10), burstCalls];
      const repetitions = subject.name === COLD ? firstCallsCold : burstRepetitions;
      for (const count of counts) {
        series.push(await runBursts(client, subject, unused.take(repetitions), count));
      }
    }
    const find = (subject: string, count: number): Series | undefined =>
      series.find((each) => each.subject === labelOf(subject, count));
    const full = find(HEARTH, burstCalls);
    const cold = find(COLD, 1);
    return findingsOf(series, {
      rows: series.map((each) => ({ subject: each.subject, figures: figuresOf(each) })),
      verdicts:
        full === undefined || cold === undefined
          ? []
          : [
              atLeast(
                "answered rightly",
                full.summary.count,
                burstCalls * burstRepetitions,
                "calls",
              ),
              atMost("p99", full.summary.p99Ms / cold.summary.p50Ms, RATIO_MAX, "x one cold call"),
            ],
      growths: running.subjects.flatMap(({ name }) => {
        const [few, many] = [find(name, Math.ceil(burstCalls / 10)), find(name, burstCalls)];
        if (few === undefined || many === undefined) return [];
        return growthOf(
          `${name}: calls at once -> ms until all are answered`,
          { size: Math.ceil(burstCalls / 10), cost: few.meanElapsedMs },
          { size: burstCalls, cost: many.meanElapsedMs },
        );
      }),
      notes: [...startNotes(series), ...running.refusals],
    });
  },
};

function labelOf(subject: string, count: number): string {
  return `${subject}, ${count} at once`;
}

/** `count` calls at the same moment for each of the functions, over connections that are open. */
async function runBursts(
  client: LoadClient,
  subject: Subject,
  functions: Iterable<string>,
  count: number,
): Promise<Series> {
  const series = new Series(labelOf(subject.name, count));
  const calls = await makeCalls(count, PAYLOAD_BYTES);
  for (const name of functions) {
    await subject.settled();
    const amount = { connections: count, calls: count, warmUpCalls: 0 };
    series.add(await client.run(jobFor(subject, name, calls, amount)));
  }
  return series;
}

function figuresOf({ summary, meanElapsedMs }: Series): Record<string, number> {
  const { count, p50Ms, p99Ms } = summary;
  return { calls: count, "p50 ms": p50Ms, "p99 ms": p99Ms, "all answered ms": meanElapsedMs };
}

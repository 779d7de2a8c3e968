import { atLeast, atMost, type Bench, findingsOf, startNotes } from "../bench.ts";
import { makeCalls } from "../calls.ts";
import { interleave } from "../rounds.ts";
import { functionNames, jobFor, RunningSubjects } from "../subject.ts";
import { floor } from "../subjects/floor.ts";
import { hearth } from "../subjects/hearth.ts";

const HEARTH = "hearth";
const CLIENTS = 16;
const PAYLOAD_BYTES = 1024;
const DIFFERENT_CALLS = 256;
const CALLS_PER_SECOND_MIN = 12_000;
const P99_MS_MAX = 10;

/** (3) Many clients at once on one function, each with one call in flight. */
export const throughput: Bench = {
  name: "throughput",
  title: `Warm calls, ${CLIENTS} clients, 1 KB of JSON each way`,
  async run({ client, sizes, peers, profileDirectory }) {
    const [name = ""] = functionNames(1);
    const kinds = [floor, hearth({ name: HEARTH, profileDirectory }), ...peers];
    await using running = await RunningSubjects.start(kinds, [name]);
    const calls = await makeCalls(DIFFERENT_CALLS, PAYLOAD_BYTES);
    const count = sizes.throughputCallsPerRound;
    const amount = { connections: CLIENTS, calls: count, warmUpCalls: Math.ceil(count / 10) };
    const series = await interleave(client, running.subjects, sizes.throughputRounds, (subject) =>
      jobFor(subject, name, calls, amount),
    );
    return findingsOf(series, {
      rows: series.map(
        ({ subject, callsPerSecond, cpuFigures, summary: { count, p50Ms, p99Ms } }) => ({
          subject,
          figures: {
            calls: count,
            "calls/s": callsPerSecond,
            "p50 ms": p50Ms,
            "p99 ms": p99Ms,
            ...cpuFigures,
          },
        }),
      ),
      verdicts: series
        .filter(({ subject }) => subject === HEARTH)
        .flatMap(({ callsPerSecond, summary }) => [
          atLeast("rate", callsPerSecond, CALLS_PER_SECOND_MIN, "calls/s"),
          atMost("p99", summary.p99Ms, P99_MS_MAX, "ms"),
        ]),
      growths: series.map((each) => each.growthInCalls()),
      notes: [...startNotes(series), ...running.refusals],
    });
  },
};

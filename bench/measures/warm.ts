import {
  atMost,
  type Bench,
  type BenchContext,
  type Findings,
  findingsOf,
  startNotes,
} from "../bench.ts";
import { makeCalls } from "../calls.ts";
import { interleave } from "../rounds.ts";
import { functionNames, jobFor, RunningSubjects, sdkJobFor } from "../subject.ts";
import { floor } from "../subjects/floor.ts";
import { hearth } from "../subjects/hearth.ts";

const HEARTH = "hearth";
const PAYLOAD_BYTES = 100;
const DIFFERENT_CALLS = 256;
/** Against the floor's p50 (TARGETS.md). */
const RATIO_MAX = 1.6;

/** (2) Back-to-back calls of one function by one client. */
export const warm: Bench = {
  name: "warm",
  title: "Warm call, 1 client",
  run: (context) => measure(context, jobFor),
};

/** The same as people's programs see it. */
export const warmSdk: Bench = {
  name: "warm-sdk",
  title: "Warm call, 1 client, through the AWS SDK, its own work included",
  run: (context) => measure(context, sdkJobFor),
};

async function measure(
  { client, sizes, peers, profileDirectory }: BenchContext,
  toJob: typeof jobFor,
): Promise<Findings> {
  const [name = ""] = functionNames(1);
  const kinds = [floor, hearth({ name: HEARTH, profileDirectory }), ...peers];
  await using running = await RunningSubjects.start(kinds, [name]);
  const calls = await makeCalls(DIFFERENT_CALLS, PAYLOAD_BYTES);
  const count = sizes.warmCallsPerRound;
  const amount = { connections: 1, calls: count, warmUpCalls: Math.ceil(count / 5) };
  const series = await interleave(client, running.subjects, sizes.warmRounds, (subject) =>
    toJob(subject, name, calls, amount),
  );
  const floorMs = series.find(({ subject }) => subject === floor.name)?.summary.p50Ms;
  const timesFloor = (p50Ms: number): number => p50Ms / (floorMs ?? Number.NaN);
  return findingsOf(series, {
    rows: series.map(({ subject, cpuFigures, summary: { count, p50Ms, p99Ms } }) => ({
      subject,
      figures: {
        calls: count,
        "p50 ms": p50Ms,
        "p99 ms": p99Ms,
        "x floor": timesFloor(p50Ms),
        ...cpuFigures,
      },
    })),
    verdicts: series
      .filter(({ subject }) => subject === HEARTH)
      .map(({ summary }) => atMost("p50", timesFloor(summary.p50Ms), RATIO_MAX, "x the floor's")),
    growths: series.map((each) => each.growthInCalls()),
    notes: [...startNotes(series), ...running.refusals],
  });
}

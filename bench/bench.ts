import type { LoadClient } from "./client/client.ts";
import type { JobResult } from "./client/job.ts";
import type { CpuTime } from "./processes.ts";
import type { Sizes } from "./sizes.ts";
import { type Growth, growthOf, joined, type Summary, sum, summarize } from "./statistics.ts";
import type { SubjectKind } from "./subject.ts";

/** What every benchmark is given. */
export interface BenchContext {
  readonly client: LoadClient;
  readonly sizes: Sizes;
  /** Empty when they were not asked for or could not be installed. */
  readonly peers: readonly SubjectKind[];
  readonly profileDirectory?: string;
}

export interface Bench {
  /** As `--only` names it. */
  readonly name: string;
  readonly title: string;
  run(context: BenchContext): Promise<Findings>;
}

/** What a benchmark found. */
export interface Findings {
  readonly rows: readonly Row[];
  readonly verdicts: readonly Verdict[];
  readonly growths: readonly Growth[];
  /** What a reader should know beside the figures. */
  readonly notes: readonly string[];
  /** Calls that were not answered rightly, with an example; empty when all were. */
  readonly faults: readonly string[];
  /** SHA-256 of the answers, one for each set of calls; equal on every subject. */
  readonly answersHashes: readonly string[];
}

export interface Row {
  readonly subject: string;
  /** Column, with its unit -> figure. */
  readonly figures: Readonly<Record<string, number>>;
}

/** A target of TARGETS.md beside what was measured. */
export interface Verdict {
  readonly target: string;
  readonly measured: string;
  readonly reached: boolean;
}

/** All results of one subject in one benchmark. */
export class Series {
  readonly subject: string;
  readonly #results: JobResult[] = [];
  #serverCpuMs = 0;
  #belowCpuMs = 0;
  #cpuCalls = 0;

  constructor(subject: string) {
    this.subject = subject;
  }

  add(result: JobResult): this {
    this.#results.push(result);
    return this;
  }

  /** Counts processor time that `calls` calls took, warm-up calls included. */
  addCpuTime(before: CpuTime, after: CpuTime, calls: number): void {
    this.#serverCpuMs += after.serverMs - before.serverMs;
    this.#belowCpuMs += after.belowMs - before.belowMs;
    this.#cpuCalls += calls;
  }

  /** Microseconds of processor time for each call: of the server, and of processes below it. */
  get cpuFigures(): Record<string, number> {
    return {
      "server CPU us": (this.#serverCpuMs * 1000) / this.#cpuCalls,
      "below CPU us": (this.#belowCpuMs * 1000) / this.#cpuCalls,
    };
  }

  get summary(): Summary {
    return summarize(this.#results.map(({ latenciesMs }) => latenciesMs));
  }

  /** Rightly answered calls for each second that jobs ran. */
  get callsPerSecond(): number {
    return (this.summary.count * 1000) / sum(this.#results.map(({ elapsedMs }) => elapsedMs));
  }

  get answersHashes(): string[] {
    return [...new Set(this.#results.map(({ answersHash }) => answersHash))];
  }

  get faults(): string[] {
    const failures = sum(this.#results.map((result) => result.failures));
    const example = this.#results.find((result) => result.firstFailure)?.firstFailure;
    return failures === 0 ? [] : [`${this.subject}: ${failures} calls failed, such as: ${example}`];
  }

  /** `pool 10, cold 2`; empty for subjects that do not say. */
  get starts(): string {
    const counts = new Map<string, number>();
    for (const { starts } of this.#results) {
      for (const [start, count] of Object.entries(starts)) {
        counts.set(start, (counts.get(start) ?? 0) + count);
      }
    }
    return Array.from(counts, ([start, count]) => `${start} ${count}`).join(", ");
  }

  /** 1 when every call was answered rightly. */
  get shareAnswered(): number {
    const failures = sum(this.#results.map((result) => result.failures));
    const { count } = this.summary;
    return count / (count + failures);
  }

  /** From the first request of a job to its last answer. */
  get meanElapsedMs(): number {
    return sum(this.#results.map(({ elapsedMs }) => elapsedMs)) / this.#results.length;
  }

  /** Milliseconds waited in the first tenth of all calls, and in all. */
  growthInCalls(): Growth {
    const latenciesMs = joined(this.#results.map((result) => result.latenciesMs));
    const [all, tenth] = [latenciesMs.length, Math.ceil(latenciesMs.length / 10)];
    return growthOf(
      `${this.subject}: calls -> ms waited`,
      { size: tenth, cost: sum(latenciesMs.subarray(0, tenth)) },
      { size: all, cost: sum(latenciesMs) },
    );
  }
}

/** Findings whose faults and hashes are those of `series`. */
export function findingsOf(
  series: readonly Series[],
  found: Pick<Findings, "rows"> & Partial<Omit<Findings, "faults" | "answersHashes">>,
): Findings {
  return {
    verdicts: [],
    growths: [],
    notes: [],
    ...found,
    faults: series.flatMap(({ faults }) => faults),
    answersHashes: [...new Set(series.flatMap(({ answersHashes }) => answersHashes))],
  };
}

/** Notes of how calls started, for subjects that say so. */
export function startNotes(series: readonly Series[]): string[] {
  return series.flatMap(({ subject, starts }) => (starts === "" ? [] : `${subject}: ${starts}`));
}

/** `value` as people read it: three significant digits, whole above a thousand. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return "-";
  if (Math.abs(value) >= 1000) return Math.round(value).toString();
  return Number(value.toPrecision(3)).toString();
}

/** @param limit the largest measured value that still reaches the target */
export function atMost(target: string, measured: number, limit: number, unit: string): Verdict {
  return {
    target: `${target} <= ${formatNumber(limit)} ${unit}`.trimEnd(),
    measured: `${formatNumber(measured)} ${unit}`.trimEnd(),
    reached: measured <= limit,
  };
}

export function atLeast(target: string, measured: number, limit: number, unit: string): Verdict {
  return {
    target: `${target} >= ${formatNumber(limit)} ${unit}`.trimEnd(),
    measured: `${formatNumber(measured)} ${unit}`.trimEnd(),
    reached: measured >= limit,
  };
}

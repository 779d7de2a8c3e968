import { Series } from "./bench.ts";
import type { LoadClient } from "./client/client.ts";
import type { Job } from "./client/job.ts";
import { cpuTimeOf } from "./processes.ts";
import type { Subject } from "./subject.ts";

/**
 * Runs one job on every subject in turn, round after round, so that whatever disturbs the machine
 * meets all of them alike. A first round is run and forgotten.
 * @returns one series for each subject, in their order
 */
export async function interleave(
  client: LoadClient,
  subjects: readonly Subject[],
  rounds: number,
  jobOf: (subject: Subject) => Job,
): Promise<Series[]> {
  const series = subjects.map(({ name }) => new Series(name));
  for (let round = -1; round < rounds; round++) {
    for (const [index, subject] of subjects.entries()) {
      const job = jobOf(subject);
      const before = cpuTimeOf(subject.pid);
      const result = await client.run(job);
      const after = cpuTimeOf(subject.pid);
      if (round < 0) continue;
      series[index]?.add(result).addCpuTime(before, after, job.calls + job.warmUpCalls);
    }
  }
  return series;
}

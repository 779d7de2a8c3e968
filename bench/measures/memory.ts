import { atMost, type Bench, findingsOf, Series, startNotes } from "../bench.ts";
import { makeCalls } from "../calls.ts";
import { type Memory, memoryOf } from "../processes.ts";
import { functionNames, jobFor, RunningSubjects, type Subject } from "../subject.ts";
import { floor } from "../subjects/floor.ts";
import { hearth, ownersAreGone, poolIsFull } from "../subjects/hearth.ts";

const KEPT = "hearth, kept alive";
const EXPIRED = "hearth, after keep-alive";
const PAYLOAD_BYTES = 100;
const MIB = 1024 * 1024;
/** Zero, read to the precision of page accounting. */
const IDLE_MIB_MAX = 0.1;

/** (5) Resident memory of a server, and what one more function adds that was called and is idle. */
export const memory: Bench = {
  name: "memory",
  title: "Memory of the server and of an idle function",
  async run({ client, sizes, peers }) {
    const names = functionNames(sizes.idleFunctions);
    const kinds = [
      floor,
      hearth({ name: KEPT, settledWhen: poolIsFull }),
      hearth({ name: EXPIRED, words: ["--keep-alive", "1"], settledWhen: ownersAreGone }),
      ...peers,
    ];
    await using running = await RunningSubjects.start(kinds, names);
    const calls = await makeCalls(1, PAYLOAD_BYTES);
    const series: Series[] = [];
    const rows = [];
    for (const subject of running.subjects) {
      const called = new Series(subject.name);
      series.push(called);
      const before = await memoryWhenSettled(subject);
      for (const name of names) {
        const amount = { connections: 1, calls: 1, warmUpCalls: 0 };
        called.add(await client.run(jobFor(subject, name, calls, amount)));
      }
      const figures = figuresOf(before, await memoryWhenSettled(subject), names.length);
      rows.push({ subject: subject.name, figures });
    }
    const idle = rows.find(({ subject }) => subject === EXPIRED)?.figures;
    return findingsOf(series, {
      rows,
      verdicts:
        idle === undefined
          ? []
          : [atMost("processes of an idle function", idle[PROCESSES_MIB], IDLE_MIB_MAX, "MiB")],
      notes: [
        "Processes below the server are counted by proportional set size, the server by resident size",
        ...startNotes(series),
        ...running.refusals,
      ],
    });
  },
};

const PROCESSES_MIB = "MiB of processes each";

async function memoryWhenSettled(subject: Subject): Promise<Memory> {
  await subject.settled();
  return memoryOf(subject.pid);
}

function figuresOf(before: Memory, after: Memory, functions: number) {
  return {
    functions,
    processes: after.processes,
    "server MiB": before.serverBytes / MIB,
    "waiting MiB": before.belowBytes / MIB,
    [PROCESSES_MIB]: Math.max(0, after.belowBytes - before.belowBytes) / MIB / functions,
    "MiB of server each": Math.max(0, after.serverBytes - before.serverBytes) / MIB / functions,
  };
}

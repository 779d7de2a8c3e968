import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { messageOf } from "../src/base/mod.ts";
import type { Bench, BenchContext, Findings } from "./bench.ts";
import { LoadClient } from "./client/client.ts";
import { installPeers } from "./install-peers.ts";
import { describeMachine } from "./machine.ts";
import { burst } from "./measures/burst.ts";
import { firstCall } from "./measures/first-call.ts";
import { memory } from "./measures/memory.ts";
import { registered } from "./measures/registered.ts";
import { streaming } from "./measures/streaming.ts";
import { throughput } from "./measures/throughput.ts";
import { warm, warmSdk } from "./measures/warm.ts";
import { renderProfiles } from "./profile.ts";
import { type Report, renderFindings } from "./report.ts";
import { FULL, SMOKE } from "./sizes.ts";
import type { SubjectKind } from "./subject.ts";
import { RUNTIME } from "./subjects/hearth.ts";
import { peers } from "./subjects/peers.ts";

const BENCHES: readonly Bench[] = [
  firstCall,
  warm,
  warmSdk,
  throughput,
  burst,
  memory,
  registered,
  streaming,
];

const resultsDirectory = fileURLToPath(new URL("results/", import.meta.url));

const CLIENT =
  "HTTP/1.1, keep-alive, no pipelining, a process of its own; Hearth's requests are signed before timing";

const USAGE = `Usage: hearth bench [--smoke] [--json] [--no-peers] [--profile] [--only] [NAME...]

  --smoke     tiny sizes without peers: shows that every benchmark runs and answers are right
  --json      the report as one JSON document on standard output
  --no-peers  Hearth and the floor alone
  --profile   writes CPU profiles of Hearth to bench/results/ and prints where time goes
  NAME        ${BENCHES.map(({ name }) => name).join(", ")} (all)
`;

interface Options {
  readonly smoke: boolean;
  readonly json: boolean;
  readonly withPeers: boolean;
  readonly profile: boolean;
  readonly benches: readonly Bench[];
}

function parseOptions(words: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      smoke: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      "no-peers": { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
    },
  });
  const wanted = [...values.only, ...positionals].flatMap((word) => word.split(","));
  const unknown = wanted.find((name) => !BENCHES.some((bench) => bench.name === name));
  if (unknown !== undefined) throw new Error(`There is no benchmark ${unknown}`);
  return {
    smoke: values.smoke,
    json: values.json,
    withPeers: !values["no-peers"] && !values.smoke,
    profile: values.profile,
    benches: BENCHES.filter(({ name }) => wanted.length === 0 || wanted.includes(name)),
  };
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function peersOf(options: Options): Promise<readonly SubjectKind[]> {
  if (!options.withPeers) return [];
  try {
    await installPeers(say);
    return peers;
  } catch (error) {
    say(`Without peers: ${messageOf(error)}`);
    return [];
  }
}

/** Runs one benchmark; one that cannot be run is a fault like a wrong answer. */
async function findingsOf(bench: Bench, context: BenchContext): Promise<Findings> {
  say(`Measuring ${bench.name} ...`);
  try {
    return await bench.run(context);
  } catch (error) {
    const nothing = { rows: [], verdicts: [], growths: [], notes: [], answersHashes: [] };
    return { ...nothing, faults: [`could not run: ${messageOf(error)}`] };
  }
}

async function main(options: Options): Promise<number> {
  const startedAt = new Date().toISOString();
  const runName = startedAt.replaceAll(":", "-");
  const sizes = options.smoke ? SMOKE : FULL;
  // Every server boots its pool first, which is most of the time that a smoke run takes.
  if (options.smoke) process.env.HEARTH_WARM = `${RUNTIME}=1`;
  const profileDirectory = options.profile ? `${resultsDirectory}${runName}-profile` : undefined;
  const machine = await describeMachine();
  using client = new LoadClient();
  const stop = (): void => client[Symbol.dispose]();
  process.on("SIGINT", stop).on("SIGTERM", stop);
  const context: BenchContext = {
    client,
    sizes,
    peers: await peersOf(options),
    ...(profileDirectory === undefined ? {} : { profileDirectory }),
  };
  const colours = process.stdout.isTTY && !process.env.NO_COLOR;
  const benches: Report["benches"][number][] = [];
  for (const bench of options.benches) {
    const findings = await findingsOf(bench, context);
    benches.push({ name: bench.name, title: bench.title, ...findings });
    if (!options.json) process.stdout.write(renderFindings(bench.title, findings, colours));
  }
  const report: Report = {
    startedAt,
    smoke: options.smoke,
    machine,
    client: CLIENT,
    sizes,
    benches,
  };
  mkdirSync(resultsDirectory, { recursive: true });
  const file = `${resultsDirectory}${runName}.json`;
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  if (profileDirectory !== undefined) say(renderProfiles(profileDirectory));
  say(`\nWritten to ${file}`);
  return benches.some(({ faults }) => faults.length > 0) ? 1 : 0;
}

let options: Options;
try {
  options = parseOptions(process.argv.slice(2));
} catch (error) {
  say(`${messageOf(error)}\n${USAGE}`);
  process.exit(2);
}
process.exitCode = await main(options);

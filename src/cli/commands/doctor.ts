import type { HostFinding } from "../../sandbox/mod.ts";
import type { Command } from "../command.ts";
import type { Colour, Output } from "../output.ts";
import { missingPackages, sandboxRequirements, systemHost } from "../setup.ts";

/** `hearth doctor` */
export const doctor: Command = {
  usage: "",
  flags: {},
  positionals: [0, 0],
  details: `
Needs no server. Exit code 0 when functions can run isolated here, 1 when not.

  hearth doctor --json`,
  async run({ output }) {
    const { probeHost } = await import("../../app/mod.ts");
    const { findings, canIsolate } = await probeHost();
    const all = [...(await packageFindings()), ...findings];
    output.result({ canIsolate, findings: all }, () => tableOf(all, output));
    if (canIsolate) output.say("Functions can run isolated here.");
    else output.error("Functions cannot run isolated here; see the fixes above.");
    return canIsolate ? 0 : 1;
  },
};

async function packageFindings(): Promise<HostFinding[]> {
  const missing = await missingPackages(sandboxRequirements(), systemHost);
  if (missing.length === 0) {
    return [{ topic: "packages", status: "ok", detail: "All system packages are installed" }];
  }
  const remedy = `apt-get install -y ${missing.join(" ")}`;
  return [{ topic: "packages", status: "missing", detail: missing.join(", "), remedy }];
}

const COLOURS: Readonly<Record<HostFinding["status"], Colour>> = {
  ok: "green",
  limited: "yellow",
  missing: "red",
};

function tableOf(findings: readonly HostFinding[], output: Output): string {
  return output.table(
    ["TOPIC", "STATUS", "FOUND", "FIX"],
    findings.map(({ topic, status, detail, remedy }) => [
      topic,
      output.paint(COLOURS[status], status),
      detail,
      remedy ?? "",
    ]),
  );
}

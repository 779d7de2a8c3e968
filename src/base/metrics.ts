/** Counters and gauges in the Prometheus text format, version 0.0.4. */
export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  add(amount?: number, labels?: Labels): void;
}

interface Family {
  readonly help: string;
  readonly type: "counter" | "gauge";
  collect(): Iterable<[labels: string, value: number]>;
}

function labelText(labels: Labels | undefined): string {
  if (!labels) return "";
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return pairs.length > 0 ? `{${pairs.join(",")}}` : "";
}

export class Metrics {
  readonly #families = new Map<string, Family>();

  /** A number that only grows. Label values must come from a closed set: each makes a series. */
  counter(name: string, help: string): Counter {
    const series = new Map<string, number>([]);
    this.#families.set(name, { help, type: "counter", collect: () => series });
    return {
      add(amount = 1, labels) {
        const key = labelText(labels);
        series.set(key, (series.get(key) ?? 0) + amount);
      },
    };
  }

  /** A number read at each scrape. */
  gauge(name: string, help: string, read: () => number | Iterable<[Labels, number]>): void {
    const collect = (): Iterable<[string, number]> => {
      const value = read();
      if (typeof value === "number") return [["", value]];
      return Array.from(value, ([labels, n]): [string, number] => [labelText(labels), n]);
    };
    this.#families.set(name, { help, type: "gauge", collect });
  }

  text(): string {
    let text = "";
    for (const [name, family] of this.#families) {
      text += `# HELP ${name} ${family.help}\n# TYPE ${name} ${family.type}\n`;
      for (const [labels, value] of family.collect()) text += `${name}${labels} ${value}\n`;
    }
    return text;
  }
}

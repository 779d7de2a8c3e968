import { UsageError } from "./command.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * The moment that `--since` names: so long before now (`90s`, `10m`, `2h`, `1d`), or a time as ISO
 * 8601 writes it.
 * @returns milliseconds since 1970
 * @throws UsageError
 */
export function sinceMs(text: string, nowMs: number): number {
  const [, count, unit = ""] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (count !== undefined) return nowMs - Number(count) * (UNIT_MS[unit] ?? 0);
  const timeMs = /^\d{4}-/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(timeMs)) return timeMs;
  throw new UsageError(`--since must be like 90s, 10m, 2h, 1d or 2026-01-31T12:00Z, got ${text}`);
}

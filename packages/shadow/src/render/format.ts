import type {
  LaneSummary,
  MetricName,
  ReportVerdict,
  ShadowReport,
} from "../report/shadow-report.ts";

/** Shown for an unknown value. */
export const unknown = "–";

/** `18.2 ms`, `1,128 ms`, `12.5 s`. */
export function milliseconds(ms: number | null): string {
  if (!isKnown(ms)) return unknown;
  if (ms >= 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms >= 100) return `${count(ms)} ms`;
  return `${ms.toFixed(ms >= 10 ? 1 : 2)} ms`;
}

/** `0.14 %` of a share 0..1. */
export function percent(share: number | null, digits = 2): string {
  return isKnown(share) ? `${(share * 100).toFixed(digits)} %` : unknown;
}

/** `22,410` */
export function count(value: number | null): string {
  return isKnown(value) ? Math.round(value).toLocaleString("en-US") : unknown;
}

/** Formats a number with three significant digits. */
export function number(value: number | null): string {
  if (!isKnown(value)) return unknown;
  return Math.abs(value) >= 1_000 ? count(value) : String(Number(value.toPrecision(3)));
}

/** `00:18:40` */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60, whole % 60];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

/** `6 min`, `40 s`, `2.5 h` */
export function duration(seconds: number | null): string {
  if (!isKnown(seconds)) return unknown;
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5_400) return `${Math.ceil(seconds / 60)} min`;
  return `${(seconds / 3_600).toFixed(1)} h`;
}

/** The next step, with the time it takes unless the sentence already contains it. */
export function nextStep({ action, eta_s }: ReportVerdict["next"]): string {
  const eta = duration(eta_s);
  return eta_s === null || action.includes(eta) ? action : `${action} (about ${eta})`;
}

/** `2026-01-01 00:09:59` of an ISO 8601 time, which is UTC. */
export function utcTime(iso: string): string {
  // A run without requests has no time; it starts at the epoch.
  if (iso.startsWith("1970-01-01T00:00:00")) return unknown;
  return iso.replace("T", " ").slice(0, 19);
}

/** Metrics in reading order, with their short names and what they are. */
const metricNames: readonly (readonly [MetricName, name: string, meaning: string])[] = [
  ["ttft_ms", "TTFT", "time to first token"],
  ["ttfo_ms", "TTFO", "time to first visible token"],
  ["tpot_ms", "TPOT", "time per token after the first"],
  ["e2e_ms", "E2E", "time to last token"],
];

/** Metrics that any lane has. TTFO is left out if it always equals TTFT. */
export function shownMetrics({ metrics }: ShadowReport): typeof metricNames {
  const quantiles = ({ n, p50, p90, p99 }: LaneSummary) => `${n} ${p50} ${p90} ${p99}`;
  const isSame = (lane: "primary" | "shadow") =>
    quantiles(metrics.ttft_ms[lane]) === quantiles(metrics.ttfo_ms[lane]);
  return metricNames.filter(([key]) => {
    const { primary, shadow } = metrics[key];
    if (primary.n === 0 && shadow.n === 0) return false;
    return key !== "ttfo_ms" || !isSame("primary") || !isSame("shadow");
  });
}

function isKnown(value: number | null): value is number {
  return value !== null && Number.isFinite(value);
}

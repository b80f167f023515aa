import type {
  GateResult,
  GateStatus,
  LaneSummary,
  MetricName,
  ReportVerdict,
  ShadowReport,
  ValidityCheck,
  VerdictStatus,
} from "../report/shadow-report.ts";

/** What is not known. */
export const unknown = "–";

/** `18.2 ms`, `1,128 ms`, `12.5 s`. */
export function milliseconds(ms: number | null): string {
  if (!isKnown(ms)) return unknown;
  if (ms >= 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms >= 100) return `${count(ms)} ms`;
  return `${ms.toFixed(ms >= 10 ? 1 : 2)} ms`;
}

/** `1.019` */
export function ratio(value: number | null): string {
  if (!isKnown(value)) return unknown;
  return value >= 10 ? value.toFixed(1) : value.toFixed(3);
}

/** `0.14 %` of a share 0..1. */
export function percent(share: number | null, digits = 2): string {
  return isKnown(share) ? `${(share * 100).toFixed(digits)} %` : unknown;
}

/** `+0.04 pp` of a difference of shares. */
export function points(difference: number | null): string {
  if (!isKnown(difference)) return unknown;
  const value = (difference * 100).toFixed(2);
  if (Number(value) === 0) return "+0.00 pp";
  return `${difference > 0 ? "+" : ""}${value} pp`;
}

/** `22,410` */
export function count(value: number | null): string {
  return isKnown(value) ? Math.round(value).toLocaleString("en-US") : unknown;
}

/** A number of any kind, to three places. */
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

/** What to do next, with how long it takes where the sentence does not say so itself. */
export function nextStep({ action, eta_s }: ReportVerdict["next"]): string {
  const eta = duration(eta_s);
  return eta_s === null || action.includes(eta) ? action : `${action} (about ${eta})`;
}

/** `2026-01-01 00:09:59` of an ISO 8601 time, which is UTC. */
export function utcTime(iso: string): string {
  // A run without any request has no time of its own, and began with the epoch.
  if (iso.startsWith("1970-01-01T00:00:00")) return unknown;
  return iso.replace("T", " ").slice(0, 19);
}

/** Metrics in reading order, with their short names and what they are. */
export const metricNames: readonly (readonly [MetricName, name: string, meaning: string])[] = [
  ["ttft_ms", "TTFT", "time to first token"],
  ["ttfo_ms", "TTFO", "time to first visible token"],
  ["tpot_ms", "TPOT", "time per token behind the first"],
  ["e2e_ms", "E2E", "time to last token"],
];

/** Of each metric that any lane has: its name, and p50, p90 and p99 of the primary, of the shadow and of their ratios. */
export function metricRows({ metrics }: ShadowReport): [string, ...string[][]][] {
  const times = ({ p50, p90, p99 }: LaneSummary) => [p50, p90, p99].map(milliseconds);
  return metricNames.flatMap(([key, name]): [string, ...string[][]][] => {
    const { primary, shadow, ratios } = metrics[key];
    if (primary.n === 0 && shadow.n === 0) return [];
    const { p50, p90, p99 } = ratios;
    const changes = [p50, p90, p99].map((each) => ratio(each?.estimate ?? null));
    return [[name, times(primary), times(shadow), changes]];
  });
}

/** A gate's two sides, its estimate and its bounds as words, in the unit of its kind. */
export type GateValues = Readonly<
  Record<"primary" | "shadow" | "estimate" | "lower" | "upper" | "margin", string>
>;

/** Puts a gate's numbers into words. */
export function gateValues(gate: GateResult): GateValues {
  const isRate = gate.kind === "rate";
  const side = isRate ? percent : gate.id === "length" ? number : milliseconds;
  const change = isRate ? points : ratio;
  const { margin, margin_low: low } = gate;
  return {
    primary: side(gate.primary),
    shadow: side(gate.shadow),
    estimate: change(gate.estimate),
    lower: change(gate.interval?.lower ?? null),
    upper: change(gate.interval?.upper ?? null),
    margin: isRate
      ? points(margin)
      : `${low === null ? "" : `${low.toFixed(2)} .. `}${margin.toFixed(2)}`,
  };
}

/** Beside every colour of a gate: a sign and a word. */
export const gateSigns: Readonly<
  Record<GateStatus, { readonly sign: string; readonly word: string }>
> = {
  PASS: { sign: "✓", word: "PASS" },
  FAIL: { sign: "✗", word: "FAIL" },
  INCONCLUSIVE: { sign: "…", word: "open" },
  NOT_JUDGED: { sign: "·", word: "not judged" },
};

/** Beside every colour of a verdict: a sign. */
export const verdictSigns: Readonly<Record<VerdictStatus, string>> = {
  PASS: "✓",
  FAIL: "✗",
  INCONCLUSIVE: "…",
  INVALID: "!",
};

/** `… INCONCLUSIVE so far` */
export function verdictWord({ verdict: { status }, evaluation }: ShadowReport): string {
  const isOpen = status === "INCONCLUSIVE" && !evaluation.is_final;
  return `${verdictSigns[status]} ${status}${isOpen ? " so far" : ""}`;
}

/** A gate's status in words, with what it waits for. */
export function gateStatus(gate: GateResult): string {
  const { sign, word } = gateSigns[gate.status];
  if (gate.status === "INCONCLUSIVE" && gate.reason?.code === "at_end") {
    return `${sign} pending (judged at the end)`;
  }
  const eta = gate.eta_s !== null && gate.eta_s > 0 ? `, ~${duration(gate.eta_s)} more` : "";
  const note = gate.reason === null ? "" : ` (${gate.reason.text})`;
  return `${sign} ${word}${gate.status === "INCONCLUSIVE" ? eta : ""}${note}`;
}

/** What a check may find: `0.8 .. 1.25`, `≥ 0.95`; empty when everything is allowed. */
export function checkLimits({ limits }: ValidityCheck): string {
  const [low, high] = limits ?? [null, null];
  if (low !== null && high !== null) return `${low} .. ${high}`;
  if (low !== null) return `≥ ${low}`;
  return high === null ? "" : `≤ ${high}`;
}

/** What a check found against what it should be. */
export function checkValue(check: ValidityCheck): string {
  const limits = checkLimits(check);
  return limits === "" ? number(check.value) : `${number(check.value)} (${limits})`;
}

/** What a check says, with its sign. A check without limits says nothing of itself. */
export function checkWord({ ok, effect, value, limits }: ValidityCheck): string {
  if (ok === null) return limits === null && value !== null ? "· for information" : "– not known";
  if (ok) return "✓ ok";
  return { invalid: "✗ broken", inconclusive: "… holds the verdict", warning: "! warning" }[effect];
}

function isKnown(value: number | null): value is number {
  return value !== null && Number.isFinite(value);
}

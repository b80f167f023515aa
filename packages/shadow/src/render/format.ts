import type {
  GateResult,
  GateStatus,
  ValidityCheck,
  VerdictStatus,
} from "../report/shadow-report.ts";

/** What is not known. */
export const unknown = "–";

/** `18.2 ms`, `1.25 s`. */
export function milliseconds(ms: number | null): string {
  if (ms === null) return unknown;
  if (ms >= 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${ms >= 100 ? ms.toFixed(0) : ms.toFixed(ms >= 10 ? 1 : 2)} ms`;
}

/** `1.019` */
export function ratio(value: number | null): string {
  if (value === null) return unknown;
  return value >= 10 ? value.toFixed(1) : value.toFixed(3);
}

/** `0.14 %` of a share 0..1. */
export function percent(share: number | null, digits = 2): string {
  return share === null ? unknown : `${(share * 100).toFixed(digits)} %`;
}

/** `+0.04 pp` of a difference of shares. */
export function points(difference: number | null): string {
  if (difference === null) return unknown;
  const value = (difference * 100).toFixed(2);
  return `${difference >= 0 ? "+" : ""}${value} pp`;
}

/** `22,410` */
export function count(value: number | null): string {
  return value === null ? unknown : Math.round(value).toLocaleString("en-US");
}

/** A number of any kind, to three places. */
export function number(value: number | null): string {
  if (value === null) return unknown;
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
  if (seconds === null) return unknown;
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5_400) return `${Math.ceil(seconds / 60)} min`;
  return `${(seconds / 3_600).toFixed(1)} h`;
}

/** A gate's two sides and its estimate, in the unit of its kind. */
export function gateValues(gate: GateResult): {
  readonly primary: string;
  readonly shadow: string;
  readonly estimate: string;
  readonly lower: string;
  readonly upper: string;
  readonly margin: string;
} {
  const isRate = gate.kind === "rate";
  const side = isRate ? percent : gate.id === "length" ? number : milliseconds;
  const change = isRate ? points : ratio;
  const { margin, margin_low: low } = gate;
  return {
    primary: side(gate.primary),
    shadow: side(gate.shadow),
    estimate: change(gate.estimate),
    lower: change(gate.lower),
    upper: change(gate.upper),
    margin: isRate
      ? points(margin)
      : `${low === null ? "" : `${low.toFixed(2)} .. `}${margin.toFixed(2)}`,
  };
}

/** Beside every colour: a sign and a word. */
export const gateSigns: Readonly<
  Record<GateStatus, { readonly sign: string; readonly word: string }>
> = {
  PASS: { sign: "✓", word: "PASS" },
  FAIL: { sign: "✗", word: "FAIL" },
  INCONCLUSIVE: { sign: "…", word: "open" },
  NOT_JUDGED: { sign: "·", word: "not judged" },
};

export const verdictSigns: Readonly<Record<VerdictStatus, string>> = {
  PASS: "✓",
  FAIL: "✗",
  INCONCLUSIVE: "…",
  INVALID: "!",
};

/** A gate's status in words, with what it waits for. */
export function gateStatus(gate: GateResult): string {
  const { sign, word } = gateSigns[gate.status];
  if (gate.status === "INCONCLUSIVE" && gate.note === "judged at the planned end") {
    return `${sign} pending (judged at the end)`;
  }
  const eta = gate.eta_s !== null && gate.eta_s > 0 ? `, ~${duration(gate.eta_s)} more` : "";
  const note = gate.note === null || gate.status === "PASS" ? "" : ` (${gate.note})`;
  return `${sign} ${word}${gate.status === "INCONCLUSIVE" ? eta : ""}${note}`;
}

/** What a check found against what it should be. */
export function checkValue({ value, limits }: ValidityCheck): string {
  if (limits === null) return number(value);
  const [low, high] = limits;
  const range =
    low !== null && high !== null ? `${low} .. ${high}` : low !== null ? `≥ ${low}` : `≤ ${high}`;
  return `${number(value)} (${range})`;
}

export function checkWord({ ok, effect }: ValidityCheck): string {
  if (ok === null) return "– not known";
  if (ok) return "✓ ok";
  return { invalid: "✗ broken", inconclusive: "… holds the verdict", warning: "! warning" }[effect];
}

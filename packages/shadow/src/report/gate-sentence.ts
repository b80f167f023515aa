import { changesApart, changeWords } from "./change-words.ts";
import type { GateResult, Interval } from "./shadow-report.ts";

/** `ttft.p99 +28.3 % (+14.1 % to +44.0 %)`, with enough digits for its bounds to differ from its margin. */
export function gateFinding(gate: GateResult, bounds: Interval | null = gate.interval): string {
  const { id, kind, estimate, margin, margin_low: low } = gate;
  const limits = low === null ? [margin] : [margin, low];
  const [value, lower, upper] = changesApart(
    [estimate, bounds?.lower ?? null, bounds?.upper ?? null],
    limits,
    kind,
  );
  if (value === null || value === undefined) return `${id} has no ${endless(gate) ?? "estimate"}`;
  if (lower === null && upper === null) return `${id} ${value}`;
  if (lower === null) return `${id} ${value} (at most ${upper})`;
  return `${id} ${value} (${upper === null ? `at least ${lower}` : `${lower} to ${upper}`})`;
}

/** Why a tail is infinite: more answers never arrived than the quantile leaves out. Undefined if it is finite. */
function endless({ id, primary, shadow }: GateResult): string | undefined {
  const [, level] = /\.p(\d\d)$/.exec(id) ?? [];
  if (level === undefined || primary === null || shadow !== null) return undefined;
  return `upper end: over ${100 - Number(level)} % of twins were lost or cut short`;
}

/** One sentence about a failed gate, with the interval that decided it. */
export function failedSentence(gate: GateResult): string {
  const { kind, margin, margin_low: low, estimate } = gate;
  const isBelow = low !== null && estimate !== null && estimate < 1;
  const limit = changeWords(isBelow ? low : margin, kind);
  if (estimate === null) return `${gateFinding(gate)} (margin ${limit})`;
  const verb = isBelow ? "is below" : "exceeds";
  return `${gateFinding(gate, decidingBounds(gate))} ${verb} the ${limit} margin${burstWords(gate)}`;
}

/** The interval that decided a FAIL: at the planned end, a gate about answers can fail by the narrower one. */
function decidingBounds({ interval, fail_interval, margin, margin_low: low }: GateResult) {
  const { lower = null, upper = null } = fail_interval ?? {};
  const isOver = (lower ?? margin) > margin || (low !== null && (upper ?? low) < low);
  return isOver ? fail_interval : (interval ?? fail_interval);
}

/** One sentence about an undecided gate. */
export function undecidedSentence(gate: GateResult): string {
  const { kind, margin, margin_low: low, estimate, reason, id } = gate;
  const isClose = reason?.code === "too_close";
  if (isClose && isOverMargin(gate))
    return `${gateFinding(gate)}: ${reason.text}${burstWords(gate)}`;
  // The sentence itself says that it is too close to call.
  const why = reason === null || (isClose && estimate !== null) ? "" : `: ${reason.text}`;
  if (estimate === null) {
    const found = endless(gate) === undefined ? `${id} is undecided` : gateFinding(gate);
    return `${found}${why}`;
  }
  const limits =
    low === null
      ? `above the ${changeWords(margin, kind)} margin`
      : `outside of ${changeWords(low, kind)} to ${changeWords(margin, kind)}`;
  const verb = estimate > margin || (low !== null && estimate < low) ? "may be" : "could still be";
  return `${gateFinding(gate)} ${verb} ${limits}${why}${burstWords(gate)}`;
}

/** True if the whole interval is over the margin. A FAIL also needs the wider interval to be over it. */
export function isOverMargin({ interval, margin, margin_low: low }: GateResult): boolean {
  const { lower = null, upper = null } = interval ?? {};
  return (lower !== null && lower > margin) || (low !== null && upper !== null && upper < low);
}

function burstWords({ events }: GateResult): string {
  const burst = events?.burst ?? null;
  if (burst === null) return "";
  const seconds = Math.ceil(burst.seconds);
  return ` (${burst.events} of ${events?.shadow} came in one burst of ${seconds} s)`;
}

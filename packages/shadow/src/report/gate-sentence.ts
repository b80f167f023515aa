import { changesApart, changeWords } from "./change-words.ts";
import type { GateResult, Interval } from "./shadow-report.ts";

/** `ttft.p99 +28.3 % (+14.1 % to +44.0 %)`, with digits that tell its bounds from its margin. */
export function gateFinding(gate: GateResult, bounds: Interval | null = gate.interval): string {
  const { id, kind, estimate, margin, margin_low: low } = gate;
  const limits = low === null ? [margin] : [margin, low];
  const [value, lower, upper] = changesApart(
    [estimate, bounds?.lower ?? null, bounds?.upper ?? null],
    limits,
    kind,
  );
  if (value === null || value === undefined) return `${id} has no estimate`;
  if (lower === null && upper === null) return `${id} ${value}`;
  if (lower === null) return `${id} ${value} (at most ${upper})`;
  return `${id} ${value} (${upper === null ? `at least ${lower}` : `${lower} to ${upper}`})`;
}

/** One sentence on a gate that failed: by the interval that decides it. */
export function failedSentence(gate: GateResult): string {
  const { kind, margin, margin_low: low, fail_interval, interval, estimate } = gate;
  const isBelow = low !== null && estimate !== null && estimate < 1;
  const limit = changeWords(isBelow ? low : margin, kind);
  const verb = isBelow ? "is below" : "exceeds";
  return `${gateFinding(gate, fail_interval ?? interval)} ${verb} the ${limit} margin${burstWords(gate)}`;
}

/** One sentence on a gate that is undecided. */
export function undecidedSentence(gate: GateResult): string {
  const { kind, margin, margin_low: low, estimate, reason, id } = gate;
  const why = reason === null ? "" : `: ${reason.text}`;
  if (estimate === null) return `${id} is undecided${why}`;
  const limits =
    low === null
      ? `above the ${changeWords(margin, kind)} margin`
      : `outside of ${changeWords(low, kind)} to ${changeWords(margin, kind)}`;
  const verb = estimate > margin || (low !== null && estimate < low) ? "may be" : "could still be";
  return `${gateFinding(gate)} ${verb} ${limits}${why}${burstWords(gate)}`;
}

function burstWords({ events }: GateResult): string {
  const burst = events?.burst ?? null;
  if (burst === null) return "";
  const seconds = Math.ceil(burst.seconds);
  return ` (${burst.events} of ${events?.shadow} came in one burst of ${seconds} s)`;
}

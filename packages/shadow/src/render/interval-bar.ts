import type { GateResult } from "../report/shadow-report.ts";

const cells = 21;

/**
 * `[----+---]    |` in a fixed width: the interval, the estimate and the margin, from no difference (or from what lies
 * under it) to the margin (or to what lies over it). Empty without an interval.
 */
export function intervalBar(gate: GateResult): string {
  const { lower, upper, estimate, margin, margin_low: low, kind } = gate;
  if (lower === null || upper === null) return "";
  const from = Math.min(lower, low ?? margin, kind === "ratio" ? 1 : 0);
  const to = Math.max(upper, margin);
  const at = (value: number) =>
    to > from ? Math.round(((value - from) / (to - from)) * (cells - 1)) : 0;
  const drawn: string[] = Array.from({ length: cells }, (_, i) =>
    i > at(lower) && i < at(upper) ? "-" : " ",
  );
  const mark = (value: number | null, sign: string) => {
    if (value !== null) drawn[at(value)] = sign;
  };
  mark(lower, "[");
  mark(upper, "]");
  // Bounds in one cell leave room for no bracket: then the estimate stands for both.
  if (at(upper) - at(lower) !== 1) mark(estimate, "+");
  mark(margin, "|");
  mark(low, "|");
  return drawn.join("");
}

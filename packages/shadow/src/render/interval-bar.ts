import type { GateResult } from "../report/shadow-report.ts";

/**
 * Scale in margins, from one margin better than equal to two margins worse. Equal and the margin are at the same column
 * in every row.
 */
const [from, to] = [-1, 2];
const cells = 22;

function placeOf(value: number): number {
  return Math.round(((value - from) / (to - from)) * (cells - 1));
}

/** Heading of the column, which marks equal and the margin. */
export const intervalScale: string = `${"0".padStart(placeOf(0) + 1)}${"| margin".padStart(placeOf(1) - placeOf(0) + 7)}`;

/**
 * `[----+---] |` in a fixed width and scale: the interval, the estimate and the margin. `<` and `>` mean that the
 * interval continues. Brackets win over the margin's sign. Empty without an interval.
 */
export function intervalBar(gate: GateResult): string {
  const { estimate, margin, margin_low: low, kind, interval } = gate;
  if (interval === null) return "";
  const equal = kind === "ratio" ? 1 : 0;
  const reach = margin - equal;
  const at = (value: number) => placeOf((value - equal) / reach);
  const lower = interval.lower === null ? Number.NEGATIVE_INFINITY : at(interval.lower);
  const upper = interval.upper === null ? Number.POSITIVE_INFINITY : at(interval.upper);
  const drawn: string[] = Array.from({ length: cells }, (_, i) =>
    i > lower && i < upper ? "-" : " ",
  );
  const mark = (place: number, sign: string) => {
    if (place >= 0 && place < cells) drawn[place] = sign;
  };
  mark(at(margin), "|");
  if (low !== null) mark(at(low), "|");
  mark(lower, "[");
  mark(upper, "]");
  if (lower < 0) mark(0, "<");
  if (upper >= cells) mark(cells - 1, ">");
  // Bounds in the same cell or next to each other leave no room, so only the estimate is drawn.
  if (estimate !== null && upper - lower !== 1) mark(at(estimate), "+");
  return drawn.join("");
}

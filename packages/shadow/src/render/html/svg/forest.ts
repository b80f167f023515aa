import type { GateStatus } from "../../../report/shadow-report.ts";
import { coordinate, linearAxis } from "./axis.ts";
import { picture } from "./frame.ts";

const [width, height] = [216, 38];
const middle = height / 2;
const edge = 8;
/**
 * Range of the plot in margins, to the left and right of equal. Equal and the margin are at the same position in every
 * row.
 */
const [under, over] = [1.4, 3];

function scale(equal: number, reach: number): (value: number) => number {
  const from = equal - under * reach;
  const to = equal + over * reach;
  return linearAxis({ from, to, start: edge, end: width - edge }).place;
}

/** Labels above the column's two lines. */
export function forestScale(): string {
  const place = scale(0, 1);
  const word = (value: number, name: string, className: string) =>
    `<text class="${className}" x="${coordinate(place(value))}" y="13" text-anchor="middle">${name}</text>`;
  return `<svg width="${width}" height="17" viewBox="0 0 ${width} 17" aria-hidden="true">${word(0, "equal", "")}${word(1, "margin", "margin-label")}</svg>`;
}

/** A change with its bounds and its margin. */
export interface ForestRow {
  readonly kind: "ratio" | "rate";
  readonly estimate: number | null;
  readonly lower: number | null;
  readonly upper: number | null;
  /** The wider interval, which decides a FAIL; drawn as a thin line. */
  readonly wide: { readonly lower: number | null; readonly upper: number | null } | null;
  readonly margin: number;
  readonly marginLow: number | null;
  /** Shape of the point: round is within the margin, square is over it, hollow is undecided. */
  readonly status: GateStatus;
  /** Text alternative for screen readers. */
  readonly label: string;
}

/** Draws an interval relative to its margin. */
export function forest(row: ForestRow): string {
  const { lower, upper, wide, estimate, margin, marginLow: low, kind, status, label } = row;
  const equal = kind === "ratio" ? 1 : 0;
  const place = scale(equal, margin - equal);
  const inside = (value: number) => Math.min(width - edge, Math.max(edge, place(value)));
  const line = (value: number, className: string) =>
    `<path class="${className}" d="M${coordinate(inside(value))} 0V${height}"/>`;
  const lines = `${line(equal, "e")}${line(margin, "m")}${low === null ? "" : line(low, "m")}`;
  // A side without a bound extends beyond the picture.
  const ends = (bounds: { readonly lower: number | null; readonly upper: number | null }) =>
    [
      bounds.lower ?? equal - 2 * under * (margin - equal),
      bounds.upper ?? equal + 2 * over * (margin - equal),
    ] as const;
  const isBounded = lower !== null || upper !== null;
  const [from, to] = ends({ lower, upper });
  const whisker = isBounded
    ? `<path class="ci" d="M${coordinate(inside(from))} ${middle}H${coordinate(inside(to))}"/>${tips(place(from), place(to))}`
    : "";
  const [wideFrom, wideTo] = ends(wide ?? { lower: null, upper: null });
  const thin =
    wide === null || (wide.lower === null && wide.upper === null)
      ? ""
      : `<path class="thin" d="M${coordinate(inside(wideFrom))} ${middle}H${coordinate(inside(wideTo))}"/>`;
  const isShown = estimate !== null && inside(estimate) === place(estimate);
  const drawn = isShown ? point(inside(estimate), status) : "";
  return picture(
    { width, height, label },
    `${lines}<g class="${status}">${thin}${whisker}${drawn}</g>`,
  );
}

function point(x: number, status: GateStatus): string {
  if (status === "FAIL") {
    return `<rect class="pe" x="${coordinate(x - 5)}" y="${middle - 5}" width="10" height="10"/>`;
  }
  const className = status === "PASS" ? "pe" : "hollow";
  return `<circle class="${className}" cx="${coordinate(x)}" cy="${middle}" r="${status === "PASS" ? 5.5 : 4.5}"/>`;
}

/** A bar at each end, or an arrow if the interval extends beyond the picture. */
function tips(lower: number, upper: number): string {
  const bar = (x: number) => `<path class="ci" d="M${coordinate(x)} ${middle - 5}v10"/>`;
  const arrow = (tip: number, back: number) =>
    `<path class="pe" d="M${tip} ${middle}l${back} -8v16z"/>`;
  const isOut = (x: number) => x < edge || x > width - edge;
  const left = isOut(lower) ? "" : bar(lower);
  const right = isOut(upper) ? "" : bar(upper);
  const outLeft = lower < edge ? arrow(0, 13) : "";
  const outRight = upper > width - edge ? arrow(width, -13) : "";
  return `${left}${right}${outLeft}${outRight}`;
}

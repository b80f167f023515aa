import type { GateResult } from "../../../report/shadow-report.ts";
import { gateSigns, gateValues } from "../../format.ts";
import { coordinate, linearAxis } from "./axis.ts";
import { picture } from "./frame.ts";

const [width, height] = [216, 38];
const middle = height / 2;
const edge = 8;
/** Margins away from equal, to the left and to the right. In every row equal and the margin stand at the same place. */
const [under, over] = [1.4, 3];

function scale(equal: number, reach: number): (value: number) => number {
  const from = equal - under * reach;
  const to = equal + over * reach;
  return linearAxis({ from, to, start: edge, end: width - edge }).place;
}

/** Words over the column's two lines. */
export function forestScale(): string {
  const place = scale(0, 1);
  const word = (value: number, name: string, className: string) =>
    `<text class="${className}" x="${coordinate(place(value))}" y="13" text-anchor="middle">${name}</text>`;
  return `<svg width="${width}" height="17" viewBox="0 0 ${width} 17" aria-hidden="true">${word(0, "equal", "")}${word(1, "margin", "said-m")}</svg>`;
}

/** A gate's interval against its margin. A round point is within, a square one over it, a hollow one is open. */
export function forest(gate: GateResult): string {
  const { lower, upper } = gate.interval ?? { lower: null, upper: null };
  const { estimate, margin, margin_low: low, kind, id, status } = gate;
  const equal = kind === "ratio" ? 1 : 0;
  const place = scale(equal, margin - equal);
  const inside = (value: number) => Math.min(width - edge, Math.max(edge, place(value)));
  const values = gateValues(gate);
  const line = (value: number, className: string) =>
    `<path class="${className}" d="M${coordinate(inside(value))} 0V${height}"/>`;
  const lines = `${line(equal, "e")}${line(margin, "m")}${low === null ? "" : line(low, "m")}`;
  const isBounded = lower !== null && upper !== null;
  const whisker = isBounded
    ? `<path class="ci" d="M${coordinate(inside(lower))} ${middle}H${coordinate(inside(upper))}"/>${ends(place(lower), place(upper))}`
    : "";
  const found =
    estimate === null
      ? "no estimate yet"
      : `${values.estimate}${isBounded ? `, interval ${values.lower} to ${values.upper}` : ", no interval yet"}`;
  const label = `${id}: ${found}, margin ${values.margin}, ${gateSigns[status].word}`;
  const isShown = estimate !== null && inside(estimate) === place(estimate);
  const drawn = !isShown ? "" : point(inside(estimate), status);
  return picture({ width, height, label }, `${lines}<g class="${status}">${whisker}${drawn}</g>`);
}

function point(x: number, status: GateResult["status"]): string {
  if (status === "FAIL") {
    return `<rect class="pe" x="${coordinate(x - 5)}" y="${middle - 5}" width="10" height="10"/>`;
  }
  const className = status === "PASS" ? "pe" : "hollow";
  return `<circle class="${className}" cx="${coordinate(x)}" cy="${middle}" r="${status === "PASS" ? 5.5 : 4.5}"/>`;
}

/** A bar at each end, or an arrow where the interval goes on beyond the picture. */
function ends(lower: number, upper: number): string {
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

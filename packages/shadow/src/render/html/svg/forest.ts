import type { GateResult } from "../../../report/shadow-report.ts";
import { gateValues } from "../../format.ts";
import { text } from "../escape.ts";
import { coordinate, linearAxis } from "./axis.ts";

const [width, height] = [220, 26];

/** A gate's interval against its margin. In every row the margin stands at the same place. */
export function forest(gate: GateResult): string {
  const { lower, upper, estimate, margin, margin_low: low, kind } = gate;
  if (estimate === null) return "";
  const equal = kind === "ratio" ? 1 : 0;
  const reach = margin - equal;
  const x = linearAxis({
    from: equal - 1.6 * reach,
    to: equal + 2.2 * reach,
    start: 4,
    end: width - 4,
  });
  const inside = (value: number) => Math.min(width - 4, Math.max(4, x.place(value)));
  const values = gateValues(gate);
  const line = (value: number, name: string) =>
    `<path class="${name}" d="M${coordinate(x.place(value))} 3V${height - 3}"/>`;
  const whisker =
    lower === null || upper === null
      ? ""
      : `<path class="line" d="M${coordinate(inside(lower))} 13H${coordinate(Math.max(inside(upper), inside(lower) + 1))}"/>${arrow(lower, upper, x.place)}`;
  const label = `${gate.id}: ${values.estimate}, interval ${values.lower} to ${values.upper}, margin ${values.margin}`;
  return `<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${text(label)}">${line(equal, "equal")}${line(margin, "margin")}${low === null ? "" : line(low, "margin")}${whisker}<circle class="pf" cx="${coordinate(inside(estimate))}" cy="13" r="4.5"/></svg>`;
}

/** Where an interval goes on beyond the picture. */
function arrow(lower: number, upper: number, place: (value: number) => number): string {
  const right = place(upper) > width - 4 ? `<path class="pf" d="M${width} 13l-7 -5v10z"/>` : "";
  const left = place(lower) < 4 ? '<path class="pf" d="M0 13l7 -5v10z"/>' : "";
  return `${left}${right}`;
}

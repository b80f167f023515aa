import { changeWords } from "../../../report/change-words.ts";
import type { Point } from "../../../report/shadow-report.ts";
import { coordinate, logAxis, tickMs } from "./axis.ts";
import { frame, plot } from "./frame.ts";

/**
 * Draws each pair as a dot; above the diagonal the shadow was slower. All dots are one path, to keep the page small.
 * Undefined with too few pairs.
 */
export function scatter(
  name: string,
  points: readonly Point[],
  margin: number,
): string | undefined {
  const kept = points.filter(([a, b]) => a > 0 && b > 0);
  if (kept.length < 2) return undefined;
  const values = kept.flat();
  const from = Math.min(...values) / 1.08;
  const to = Math.max(...values, from * 1.5) * 1.08;
  const x = logAxis({ from, to, start: plot.left, end: plot.right });
  const y = logAxis({ from, to, start: plot.bottom, end: plot.top });
  const dots = kept.map(([a, b]) => `M${coordinate(x.place(a))} ${coordinate(y.place(b))}h0`);
  const diagonal = (factor: number, className: string) => {
    const [first, last] = [from / Math.min(1, factor), to / Math.max(1, factor)];
    if (first >= last) return "";
    const at = (value: number) =>
      `${coordinate(x.place(value))} ${coordinate(y.place(value * factor))}`;
    return `<path class="${className}" d="M${at(first)}L${at(last)}"/>`;
  };
  const share = (isCounted: (a: number, b: number) => boolean) =>
    `${Math.round((kept.filter(([a, b]) => isCounted(a, b)).length / kept.length) * 100)} %`;
  const slower = share((a, b) => b > a);
  const beyond = share((a, b) => b > a * margin);
  const note = (row: number, words: string) =>
    `<text class="halo" x="${plot.left + 12}" y="${plot.top + row * 17}">${words}</text>`;
  return frame({
    label: `${kept.length} pairs: the shadow was slower in ${slower}, by more than the margin of ${changeWords(margin, "ratio")} in ${beyond}`,
    x,
    y,
    xTick: tickMs,
    yTick: tickMs,
    xTitle: `${name} of the primary, log scale`,
    yTitle: `${name} of the shadow`,
    content: `<path class="dots" d="${dots.join("")}"/>${diagonal(1, "e")}${diagonal(margin, "m")}${note(1, `slower in the shadow: ${slower} of pairs`)}${note(2, `by more than ${changeWords(margin, "ratio")}: ${beyond}`)}`,
  });
}

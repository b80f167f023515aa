import type { Point } from "../../../report/shadow-report.ts";
import { coordinate, logAxis, tickMs } from "./axis.ts";
import { frame, nothing, plot } from "./frame.ts";

/** Each pair as a dot: above the diagonal the shadow was slower. All dots are one path, to keep the page small. */
export function scatter(name: string, points: readonly Point[], margin: number): string {
  const kept = points.filter(([a, b]) => a > 0 && b > 0);
  if (kept.length < 2) return nothing("Too few pairs to draw.");
  const values = kept.flat();
  const [from, most] = [Math.min(...values), Math.max(...values)];
  const to = Math.max(most, from * 1.5);
  const x = logAxis({ from, to, start: plot.left, end: plot.right });
  const y = logAxis({ from, to, start: plot.bottom, end: plot.top });
  const dots = kept.map(([a, b]) => `M${coordinate(x.place(a))} ${coordinate(y.place(b))}h0`);
  const diagonal = (factor: number, className: string) => {
    const end = to / Math.max(1, factor);
    const at = (value: number) =>
      `${coordinate(x.place(value))} ${coordinate(y.place(value * factor))}`;
    return `<path class="${className}" d="M${at(from)}L${at(end)}"/>`;
  };
  const slower = kept.filter(([a, b]) => b > a).length;
  return frame({
    label: `${kept.length} pairs: in ${Math.round((slower / kept.length) * 100)} % the shadow was slower`,
    x,
    y,
    xTick: tickMs,
    yTick: tickMs,
    xTitle: `primary ${name}; shadow upwards; dashed: the margin`,
    content: `<path class="dots" d="${dots.join("")}"/>${diagonal(1, "equal")}${diagonal(margin, "margin")}`,
  });
}

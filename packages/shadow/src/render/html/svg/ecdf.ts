import type { LaneSummary, Point } from "../../../report/shadow-report.ts";
import { coordinate, linearAxis, logAxis, tickMs } from "./axis.ts";
import { frame, nothing, plot } from "./frame.ts";

export interface EcdfOptions {
  readonly name: string;
  readonly primary: readonly Point[];
  readonly shadow: readonly Point[];
  readonly summaries: { readonly primary: LaneSummary; readonly shadow: LaneSummary };
}

/** Share of requests that were as fast or faster, both lanes, with their p50, p90 and p99 marked. */
export function ecdf({ name, primary, shadow, summaries }: EcdfOptions): string {
  const all = [...primary, ...shadow].map(([ms]) => ms).filter((ms) => ms > 0);
  if (all.length < 2) return nothing("Too few requests to draw.");
  const [least, most] = [Math.min(...all), Math.max(...all)];
  const x = logAxis({
    from: least,
    to: Math.max(most, least * 1.5),
    start: plot.left,
    end: plot.right,
  });
  const y = linearAxis({ from: 0, to: 1, start: plot.bottom, end: plot.top });
  const line = (points: readonly Point[], name: string) => {
    const steps = points.map(([ms, share], i) => {
      const at = `${coordinate(x.place(ms))} ${coordinate(y.place(share))}`;
      return i === 0 ? `M${at}` : `L${at}`;
    });
    return `<path class="${name}" d="${steps.join("")}"/>`;
  };
  const marks = (summary: LaneSummary, name: string) =>
    (
      [
        [summary.p50, 0.5],
        [summary.p90, 0.9],
        [summary.p99, 0.99],
      ] as const
    )
      .filter(
        (mark): mark is readonly [number, 0.5 | 0.9 | 0.99] => mark[0] !== null && mark[0] > 0,
      )
      .map(([ms, share]) => {
        const [cx, cy] = [coordinate(x.place(Math.min(ms, most))), coordinate(y.place(share))];
        return `<circle class="${name}" cx="${cx}" cy="${cy}" r="4"><title>p${share * 100} ${tickMs(ms)}</title></circle>`;
      })
      .join("");
  return frame({
    label: `Distribution of ${name}: primary p50 ${words(summaries.primary.p50)}, shadow p50 ${words(summaries.shadow.p50)}, primary p99 ${words(summaries.primary.p99)}, shadow p99 ${words(summaries.shadow.p99)}`,
    x,
    y,
    xTick: tickMs,
    yTick: (share) => `${Math.round(share * 100)} %`,
    xTitle: `${name}, log scale; dots at p50, p90, p99`,
    content: `${line(primary, "p")}${line(shadow, "s")}${marks(summaries.primary, "pf")}${marks(summaries.shadow, "sf")}`,
  });
}

function words(ms: number | null): string {
  return ms === null ? "not known" : tickMs(ms);
}

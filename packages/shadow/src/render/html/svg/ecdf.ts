import type { LaneSummary, Point } from "../../../report/shadow-report.ts";
import { coordinate, linearAxis, logAxis, tickMs } from "./axis.ts";
import { frame, plot } from "./frame.ts";

/** Both lanes' curves and quantiles. */
export interface EcdfOptions {
  readonly name: string;
  readonly primary: readonly Point[];
  readonly shadow: readonly Point[];
  readonly summaries: { readonly primary: LaneSummary; readonly shadow: LaneSummary };
}

/**
 * Draws the share of requests that were as fast or faster, for both lanes, with p50, p90 and p99 marked. Undefined with
 * too few requests.
 */
export function ecdf({ name, primary, shadow, summaries }: EcdfOptions): string | undefined {
  const all = [...primary, ...shadow].map(([ms]) => ms).filter((ms) => ms > 0);
  if (all.length < 2) return undefined;
  const least = Math.min(...all);
  const most = Math.max(...all, least * 1.5);
  const x = logAxis({ from: least, to: most, start: plot.left, end: plot.right });
  const y = linearAxis({ from: 0, to: 1, start: plot.bottom, end: plot.top });
  const at = ([ms, share]: Point) => `${coordinate(x.place(ms))} ${coordinate(y.place(share))}`;
  const curve = (points: readonly Point[], className: string) => {
    const kept = points.filter(([ms]) => ms > 0);
    return kept.length === 0 ? "" : `<path class="${className}" d="M${kept.map(at).join("L")}"/>`;
  };
  const marks = (summary: LaneSummary, lane: string, short: "p" | "s") =>
    levels.map(([level, share]) => {
      const ms = summary[level];
      if (ms === null || ms <= 0) return "";
      const [cx, cy] = [coordinate(x.place(Math.min(ms, most))), coordinate(y.place(share))];
      return `<path class="${short}t" d="M${cx} ${cy}V${plot.bottom}"/><circle class="${short}f" cx="${cx}" cy="${cy}" r="4.5"><title>${lane} ${level} ${tickMs(ms)}</title></circle>`;
    });
  return frame({
    label: `Distribution of ${name}. ${words("primary", summaries.primary)}; ${words("shadow", summaries.shadow)}`,
    x,
    y: { ...y, ticks: [0, 0.25, 0.5, 0.75, 0.9, 1] },
    xTick: tickMs,
    yTick: (share) => `${Math.round(share * 100)} %`,
    xTitle: `${name}, log scale`,
    yTitle: "share of requests",
    content: [
      curve(primary, "p"),
      curve(shadow, "s"),
      ...marks(summaries.primary, "primary", "p"),
      ...marks(summaries.shadow, "shadow", "s"),
    ].join(""),
  });
}

const levels = [
  ["p50", 0.5],
  ["p90", 0.9],
  ["p99", 0.99],
] as const;

function words(lane: string, summary: LaneSummary): string {
  const parts = levels.map(([level]) => {
    const ms = summary[level];
    return `${level} ${ms === null ? "not known" : tickMs(ms)}`;
  });
  return `${lane} ${parts.join(", ")}`;
}

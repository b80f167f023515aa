import { changeWords } from "../../../report/change-words.ts";
import type { LaneEvent } from "../../../report/over-time.ts";
import type { TimelinePoint } from "../../../report/shadow-report.ts";
import { eventWords } from "../../segment-rows.ts";
import { text } from "../escape.ts";
import { coordinate, linearAxis, ratioAxis, tickChange } from "./axis.ts";
import { frame, plot } from "./frame.ts";

/** Blocks of time and events of endpoints. */
export interface RatioOverTimeOptions {
  readonly timeline: readonly TimelinePoint[];
  readonly margin: number;
  readonly events: readonly LaneEvent[];
}

/** Draws the ratio of each block, the running estimate with its band, and the margin. Undefined with too few blocks. */
export function ratioOverTime({
  timeline,
  margin,
  events,
}: RatioOverTimeOptions): string | undefined {
  const kept = timeline.filter(({ ratio }) => ratio > 0);
  if (kept.length < 2) return undefined;
  const bounds = kept.flatMap(({ ratio, running, cs_lo, cs_hi }) =>
    [ratio, running, cs_lo, cs_hi].filter((value) => value !== null && value > 0),
  ) as readonly number[];
  const from = Math.min(0.95, ...bounds) / 1.01;
  const to = Math.max(margin * 1.03, ...bounds) * 1.01;
  const begin = Math.min(0, ...kept.map(({ t }) => t));
  const end = Math.max(begin + 1, ...kept.map(({ t }) => t));
  const x = linearAxis({ from: begin / 60, to: end / 60, start: plot.left, end: plot.right - 4 });
  const y = ratioAxis({ from, to, start: plot.bottom, end: plot.top });
  const column = (t: number) => coordinate(x.place(t / 60));
  const at = (t: number, ratio: number) => `${column(t)} ${coordinate(y.place(ratio))}`;
  const level = (value: number, className: string, words: string) => {
    const row = y.place(value);
    return `<path class="${className}" d="M${plot.left} ${coordinate(row)}H${plot.right}"/><text class="halo${className === "m" ? " margin-label" : ""}" x="${plot.right - 4}" y="${coordinate(row - 6)}" text-anchor="end">${words}</text>`;
  };
  const marks = events
    .filter(({ t }) => t > begin && t < end)
    .map(
      (event) =>
        `<path class="break" d="M${column(event.t)} ${plot.top}V${plot.bottom}"><title>${text(eventWords(event))}</title></path>`,
    );
  const running = kept.flatMap(({ t, running }) => (running === null ? [] : [at(t, running)]));
  const dots = kept.map(({ t, ratio }) => `M${at(t, ratio)}h0`);
  const latest = kept.at(-1)?.running ?? null;
  const last = latest === null ? "not known" : changeWords(latest, "ratio");
  return frame({
    label: `Change over time: ${kept.length} blocks, last estimate ${last}, margin ${changeWords(margin, "ratio")}`,
    x,
    y,
    xTick: (minutes) => String(Number(minutes.toFixed(2))),
    yTick: (ratio) => tickChange(ratio),
    xTitle: "minutes since the start",
    yTitle: "change against the primary",
    content: [
      band(kept, at),
      ...marks,
      `<path class="blocks" d="${dots.join("")}"/>`,
      running.length === 0 ? "" : `<path class="line" d="M${running.join("L")}"/>`,
      level(1, "e", "equal"),
      level(margin, "m", `margin ${changeWords(margin, "ratio")}`),
    ].join(""),
  });
}

/** The confidence sequence, from the first block that has one. */
function band(
  timeline: readonly TimelinePoint[],
  at: (t: number, ratio: number) => string,
): string {
  const known = timeline.flatMap(({ t, cs_lo: low, cs_hi: high }) =>
    low === null || high === null ? [] : [{ t, low, high }],
  );
  if (known.length < 2) return "";
  const there = known.map(({ t, high }) => at(t, high));
  const back = known.toReversed().map(({ t, low }) => at(t, low));
  return `<path class="band" d="M${[...there, ...back].join("L")}Z"/>`;
}

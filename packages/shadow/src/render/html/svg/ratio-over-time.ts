import type { TimelinePoint } from "../../../report/shadow-report.ts";
import { coordinate, linearAxis, logAxis } from "./axis.ts";
import { frame, nothing, plot } from "./frame.ts";

/** Block by block: the ratio, the running estimate and its band, and the margin. */
export function ratioOverTime(timeline: readonly TimelinePoint[], margin: number): string {
  if (timeline.length < 2) return nothing("Too few blocks of time to draw.");
  const ratios = timeline.map(({ ratio }) => ratio).filter((ratio) => ratio > 0);
  const bounds = timeline.flatMap(({ cs_lo, cs_hi }) => [cs_lo ?? 1, cs_hi ?? 1]);
  const from = Math.min(0.95, ...ratios, ...bounds) / 1.02;
  const to = Math.max(margin * 1.05, ...ratios, ...bounds) * 1.02;
  const end = Math.max(1, timeline.at(-1)?.t ?? 1) / 60;
  const x = linearAxis({ from: 0, to: end, start: plot.left, end: plot.right });
  const scale = { from, to, start: plot.bottom, end: plot.top };
  // Ratios are symmetric in logarithms; over a short range round steps read better.
  const y = { ...logAxis(scale), ticks: linearAxis(scale).ticks };
  const at = (t: number, ratio: number) =>
    `${coordinate(x.place(t / 60))} ${coordinate(y.place(ratio))}`;
  const known = timeline.flatMap(({ t, cs_lo, cs_hi }) =>
    cs_lo === null || cs_hi === null ? [] : [{ t, low: cs_lo, high: cs_hi }],
  );
  const there = known.map(({ t, high }) => at(t, high));
  const back = known.toReversed().map(({ t, low }) => at(t, low));
  const band =
    known.length < 2 ? "" : `<path class="band" d="M${[...there, ...back].join("L")}Z"/>`;
  const running = timeline.flatMap(({ t, running }) => (running === null ? [] : [at(t, running)]));
  const dots = timeline.map(
    ({ t, ratio, n }) =>
      `<circle class="sf" cx="${coordinate(x.place(t / 60))}" cy="${coordinate(y.place(ratio))}" r="2.2"><title>${n} pairs, ratio ${ratio.toFixed(3)}</title></circle>`,
  );
  const level = (value: number, name: string) =>
    `<path class="${name}" d="M${plot.left} ${coordinate(y.place(value))}H${plot.right}"/>`;
  const last = timeline.at(-1);
  return frame({
    label: `Ratio over time: ${timeline.length} blocks, last estimate ${last?.running?.toFixed(3) ?? "not known"}, margin ${margin.toFixed(2)}`,
    x,
    y,
    xTick: (minutes) => `${Number(minutes.toFixed(2))}`,
    yTick: (ratio) => String(Number(ratio.toPrecision(3))),
    xTitle: "minutes; dots: blocks, line: estimate with its band, dashed: the margin",
    content: `${band}${level(1, "equal")}${level(margin, "margin")}<path class="line" d="M${running.join("L")}"/>${dots.join("")}`,
  });
}

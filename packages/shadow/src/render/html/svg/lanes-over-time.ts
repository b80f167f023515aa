import type { BothLanes, LaneEvent } from "../../../report/over-time.ts";
import { eventWords } from "../../segment-rows.ts";
import { text } from "../escape.ts";
import { coordinate, linearAxis } from "./axis.ts";
import { frame, plot } from "./frame.ts";

/** One value of both lanes over time. */
export interface LanesOverTimeOptions {
  readonly name: string;
  /** `t` in seconds since the start. */
  readonly points: readonly { readonly t: number; readonly value: BothLanes }[];
  readonly events: readonly LaneEvent[];
  readonly tick: (value: number) => string;
}

/** Draws both lanes as lines, with events of their endpoints as marks. Undefined with too few points. */
export function lanesOverTime(options: LanesOverTimeOptions): string | undefined {
  const { name, points, events, tick } = options;
  const known = points.flatMap(({ value }) => [value.primary, value.shadow]);
  const values = known.filter((value) => value !== null);
  if (points.length < 2 || values.length < 2) return undefined;
  const most = Math.max(...values);
  const begin = points[0]?.t ?? 0;
  const end = Math.max(begin + 1, points.at(-1)?.t ?? 0);
  const x = linearAxis({ from: begin / 60, to: end / 60, start: plot.left, end: plot.right - 4 });
  const y = linearAxis({
    ...{ from: 0, to: most > 0 ? most * 1.08 : 1 },
    ...{ start: plot.bottom, end: plot.top },
  });
  const column = (t: number) => coordinate(x.place(t / 60));
  const line = (lane: "primary" | "shadow", className: string) =>
    `<path class="${className}" d="${pathOf(
      points.map(({ t, value }) => ({ t, value: value[lane] })),
      column,
      (value) => coordinate(y.place(value)),
    )}"/>`;
  const marks = events
    .filter(({ t }) => t >= begin && t <= end)
    .map(
      (event) =>
        `<path class="break" d="M${column(event.t)} ${plot.top}V${plot.bottom}"><title>${text(eventWords(event))}</title></path>`,
    );
  return frame({
    label: `${name} over time, both lanes: ${points.length} steps, at most ${tick(most)}`,
    x,
    y,
    xTick: (minutes) => String(Number(minutes.toFixed(2))),
    yTick: tick,
    xTitle: "minutes since the start",
    yTitle: name,
    content: `${marks.join("")}${line("primary", "p")}${line("shadow", "s")}`,
  });
}

/** A line with gaps for unknown values. */
function pathOf(
  points: readonly { readonly t: number; readonly value: number | null }[],
  column: (t: number) => string,
  row: (value: number) => string,
): string {
  let isDown = false;
  const parts: string[] = [];
  for (const { t, value } of points) {
    if (value === null) {
      isDown = false;
      continue;
    }
    parts.push(`${isDown ? "L" : "M"}${column(t)} ${row(value)}`);
    isDown = true;
  }
  return parts.join("");
}

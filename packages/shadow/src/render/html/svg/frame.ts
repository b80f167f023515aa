import { text } from "../escape.ts";
import { type Axis, coordinate } from "./axis.ts";

/** Inner edges of every plot. */
export const plot = {
  width: 540,
  height: 300,
  left: 58,
  right: 524,
  top: 14,
  bottom: 254,
} as const;

export interface FrameOptions {
  /** What the picture says, for those who do not see it. */
  readonly label: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly xTick: (value: number) => string;
  readonly yTick: (value: number) => string;
  readonly xTitle: string;
  readonly content: string;
}

/** A plot with both axes. */
export function frame({ label, x, y, xTick, yTick, xTitle, content }: FrameOptions): string {
  const { width, height, left, right, top, bottom } = plot;
  const columns = x.ticks.map((tick) => {
    const at = coordinate(x.place(tick));
    return `<path class="axis" d="M${at} ${top}V${bottom}"/><text x="${at}" y="${bottom + 17}" text-anchor="middle">${text(xTick(tick))}</text>`;
  });
  const rows = y.ticks.map((tick) => {
    const at = y.place(tick);
    return `<path class="axis" d="M${left} ${coordinate(at)}H${right}"/><text x="${left - 7}" y="${coordinate(at + 4)}" text-anchor="end">${text(yTick(tick))}</text>`;
  });
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${text(label)}">${columns.join("")}${rows.join("")}${content}<text x="${(left + right) / 2}" y="${height - 8}" text-anchor="middle">${text(xTitle)}</text></svg>`;
}

/** A plot that has nothing to show. */
export function nothing(words: string): string {
  return `<p class="soft">${text(words)}</p>`;
}

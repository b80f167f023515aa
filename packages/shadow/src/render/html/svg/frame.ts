import { text } from "../escape.ts";
import { type Axis, coordinate } from "./axis.ts";

/** Inner edges of every plot. */
export const plot = {
  width: 560,
  height: 320,
  left: 72,
  right: 544,
  top: 14,
  bottom: 268,
} as const;

/** A plot's axes and content. */
export interface FrameOptions {
  /** Text alternative for screen readers. */
  readonly label: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly xTick: (value: number) => string;
  readonly yTick: (value: number) => string;
  readonly xTitle: string;
  readonly yTitle: string;
  /** Markup. */
  readonly content: string;
}

/** Draws a plot with both axes. */
export function frame(options: FrameOptions): string {
  const { label, x, y, xTick, yTick, xTitle, yTitle, content } = options;
  const { width, height, left, right, top, bottom } = plot;
  const columns = x.ticks.map((tick) => {
    const at = coordinate(x.place(tick));
    return `<path class="g" d="M${at} ${top}V${bottom}"/><text x="${at}" y="${bottom + 18}" text-anchor="middle">${text(xTick(tick))}</text>`;
  });
  const rows = y.ticks.map((tick) => {
    const at = y.place(tick);
    return `<path class="g" d="M${left} ${coordinate(at)}H${right}"/><text x="${left - 8}" y="${coordinate(at + 4)}" text-anchor="end">${text(yTick(tick))}</text>`;
  });
  const axes = `<path class="a" d="M${left} ${top}V${bottom}H${right}"/>`;
  const middle = (top + bottom) / 2;
  const titles = `<text x="${(left + right) / 2}" y="${height - 8}" text-anchor="middle">${text(xTitle)}</text><text transform="translate(14 ${middle})rotate(-90)" text-anchor="middle">${text(yTitle)}</text>`;
  return picture(
    { width, height, label, className: "wide" },
    `${columns.join("")}${rows.join("")}${axes}${content}${titles}`,
  );
}

/** Size of a picture and its text alternative. */
export interface PictureOptions {
  readonly width: number;
  readonly height: number;
  readonly label: string;
  /** `wide` fills the available width; otherwise the picture has the given size. */
  readonly className?: "wide";
}

/** An SVG element with a text alternative. */
export function picture(options: PictureOptions, content: string): string {
  const { width, height, label, className } = options;
  const size =
    className === undefined
      ? `width="${width}" height="${height}"`
      : `class="${className}" preserveAspectRatio="xMidYMid meet"`;
  return `<svg ${size} viewBox="0 0 ${width} ${height}" role="img" aria-label="${text(label)}"><title>${text(label)}</title>${content}</svg>`;
}

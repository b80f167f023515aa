/** Maps values to coordinates, with round values as ticks. */
export interface Axis {
  place(value: number): number;
  readonly ticks: readonly number[];
}

/** Range of an axis and its coordinates. */
export interface AxisOptions {
  readonly from: number;
  readonly to: number;
  /** Coordinates of both ends. */
  readonly start: number;
  readonly end: number;
}

/** Logarithmic axis; `from` must be above 0. Smaller values are drawn at `from`. */
export function logAxis({ from, to, start, end }: AxisOptions): Axis {
  const low = Math.log(from);
  const span = Math.max(1e-9, Math.log(to) - low);
  return {
    place: (value) => start + ((Math.log(Math.max(value, from)) - low) / span) * (end - start),
    ticks: ticksBetween(from, to),
  };
}

/** Linear axis. */
export function linearAxis({ from, to, start, end }: AxisOptions): Axis {
  const span = Math.max(1e-12, to - from);
  const step = roundStep(span / 6);
  const first = Math.ceil(from / step);
  const count = Math.min(12, Math.floor(to / step + 1e-6) - first + 1);
  return {
    place: (value) => start + ((value - from) / span) * (end - start),
    ticks: Array.from({ length: Math.max(0, count) }, (_, i) =>
      Number(((first + i) * step).toPrecision(12)),
    ),
  };
}

/** Axis of ratios: logarithmic, but with round linear ticks over a short range. */
export function ratioAxis(options: AxisOptions): Axis {
  const { from, to } = options;
  const axis = logAxis(options);
  return to / from > 4 ? axis : { ...axis, ticks: linearAxis(options).ticks };
}

/** Formats a coordinate with one decimal, which is finer than a pixel. */
export function coordinate(value: number): string {
  return String(Number(value.toFixed(1)));
}

/** `50 ms`, `1.5 s` */
export function tickMs(ms: number): string {
  return ms >= 1_000
    ? `${Number((ms / 1_000).toPrecision(3))} s`
    : `${Number(ms.toPrecision(3))} ms`;
}

/** `+10 %`, `2x` of a ratio. */
export function tickChange(ratio: number): string {
  if (ratio >= 2) return `${Number(ratio.toPrecision(3))}x`;
  const change = Number(((ratio - 1) * 100).toPrecision(3));
  return `${change > 0 ? "+" : ""}${change} %`;
}

function roundStep(raw: number): number {
  const power = 10 ** Math.floor(Math.log10(raw));
  return ([1, 2, 5, 10].find((factor) => factor * power >= raw) ?? 10) * power;
}

/** Ticks at 1, 2 and 5 of each power of ten, as many as fit. A short range has more, at round steps. */
function ticksBetween(from: number, to: number): readonly number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++) {
    for (const factor of [1, 2, 5]) {
      const tick = Number((factor * 10 ** power).toPrecision(3));
      if (tick >= from * 0.999 && tick <= to * 1.001) ticks.push(tick);
    }
  }
  if (ticks.length < 3) return linearAxis({ from, to, start: 0, end: 1 }).ticks;
  const tens = ticks.filter((tick) => Number.isInteger(Number(Math.log10(tick).toFixed(9))));
  const few = tens.filter((_, i) => i % Math.ceil(tens.length / 8) === 0);
  return ticks.length > 8 && tens.length >= 2 ? few : ticks;
}

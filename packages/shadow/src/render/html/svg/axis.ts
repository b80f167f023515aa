/** Maps values to places, with round values to mark. */
export interface Axis {
  place(value: number): number;
  readonly ticks: readonly number[];
}

export interface AxisOptions {
  readonly from: number;
  readonly to: number;
  /** Places of both ends. */
  readonly start: number;
  readonly end: number;
}

/** Equal ratios are equal lengths; `from` > 0. */
export function logAxis({ from, to, start, end }: AxisOptions): Axis {
  const low = Math.log(from);
  const span = Math.max(1e-9, Math.log(to) - low);
  return {
    place: (value) => start + ((Math.log(Math.max(value, from)) - low) / span) * (end - start),
    ticks: ticksBetween(from, to),
  };
}

export function linearAxis({ from, to, start, end }: AxisOptions): Axis {
  const span = Math.max(1e-12, to - from);
  const step = roundStep(span / 5);
  const ticks: number[] = [];
  for (let tick = Math.ceil(from / step) * step; tick <= to + step / 1e6; tick += step) {
    ticks.push(Number(tick.toPrecision(12)));
  }
  return { place: (value) => start + ((value - from) / span) * (end - start), ticks };
}

function roundStep(raw: number): number {
  const power = 10 ** Math.floor(Math.log10(raw));
  return ([1, 2, 5, 10].find((factor) => factor * power >= raw) ?? 10) * power;
}

/** Over a short range round steps mark more than powers do. */
function ticksBetween(from: number, to: number): readonly number[] {
  const ticks = logTicks(from, to);
  return ticks.length >= 3 ? ticks : linearAxis({ from, to, start: 0, end: 1 }).ticks;
}

/** 1, 2, 5 of each power of ten, thinned to what has room. */
function logTicks(from: number, to: number): readonly number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++) {
    for (const factor of [1, 2, 5]) {
      const tick = Number((factor * 10 ** power).toPrecision(3));
      if (tick >= from * 0.999 && tick <= to * 1.001) ticks.push(tick);
    }
  }
  const tens = ticks.filter((tick) => Number.isInteger(Number(Math.log10(tick).toFixed(9))));
  return ticks.length > 9 && tens.length >= 2 ? tens : ticks;
}

/** One decimal is finer than a screen. */
export function coordinate(value: number): string {
  return String(Number(value.toFixed(1)));
}

/** `50 ms`, `1.5 s` */
export function tickMs(ms: number): string {
  return ms >= 1_000
    ? `${Number((ms / 1_000).toPrecision(3))} s`
    : `${Number(ms.toPrecision(3))} ms`;
}

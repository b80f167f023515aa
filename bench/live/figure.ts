/** One bar of a row: what was measured, and whether it is good enough. */
export interface Figure {
  readonly what: string;
  readonly value: string;
  readonly bar: string;
  readonly isMet: boolean;
}

/** A value that may be at most `bar`. */
export function atMost(what: string, value: number, bar: number, unit = ""): Figure {
  const shown = (number: number) => `${withDigits(number)}${unit === "" ? "" : ` ${unit}`}`;
  return { what, value: shown(value), bar: `≤ ${shown(bar)}`, isMet: value <= bar };
}

/** A share in percent that must be at least `bar`. */
export function atLeastPercent(what: string, value: number, bar: number): Figure {
  return { what, value: `${value.toFixed(2)} %`, bar: `≥ ${bar} %`, isMet: value >= bar };
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
}

function withDigits(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) < 10 ? 2 : 1);
}

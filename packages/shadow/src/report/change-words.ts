/** `ratio`: shadow over primary. `rate`: shadow minus primary, as a share. */
export type ChangeKind = "ratio" | "rate";

/** Ratios from this value on are shown as a factor instead of a percentage. */
const factorFrom = 2;
const maxDigits = 4;

/** `+2.4 %` or `2.10x` for a ratio, `+0.04 pp` for a difference of rates. */
export function changeWords(value: number, kind: ChangeKind, digits = 0): string {
  if (kind === "rate") return `${fixed(value * 100, Math.max(2, digits))} pp`;
  if (value >= factorFrom) return `${value.toFixed(value >= 100 ? digits : Math.max(2, digits))}x`;
  return `${fixed((value - 1) * 100, Math.max(1, digits))} %`;
}

/**
 * Formats the values of one row with enough digits to differ from `limits`: a bound below its margin must not be
 * rounded to the margin. Null for a missing value.
 */
export function changesApart(
  values: readonly (number | null)[],
  limits: readonly number[],
  kind: ChangeKind,
): readonly (string | null)[] {
  const at = (digits: number) =>
    values.map((value) =>
      value === null || !Number.isFinite(value) ? null : changeWords(value, kind, digits),
    );
  const isApart = (digits: number) => {
    const marks = limits.map((limit) => changeWords(limit, kind, digits));
    return at(digits).every((words, i) =>
      limits.every((limit, j) => words !== marks[j] || isSame(values[i] ?? limit, limit)),
    );
  };
  let digits = 0;
  while (digits < maxDigits && !isApart(digits)) digits++;
  return at(digits);
}

function isSame(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b));
}

function fixed(value: number, digits: number): string {
  const words = value.toFixed(digits);
  // A value that is rounded to zero has no minus sign.
  if (Number(words) === 0) return `+${(0).toFixed(digits)}`;
  return value > 0 ? `+${words}` : words;
}

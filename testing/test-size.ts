/** True each night: tests try more, and wait longer, than in `npm test`. */
export const isLong: boolean = process.env.UMBRA_LONG_TESTS !== undefined;

/** How large a test is: `day` in `npm test`, `nightly` in its long form. */
export function testSize(day: number, nightly: number): number {
  return isLong ? nightly : day;
}

/** All cases each night; in `npm test` only the first of them, in which each kind is. */
export function casesBySize<T>(cases: readonly T[], day: number): readonly T[] {
  return isLong ? cases : cases.slice(0, day);
}

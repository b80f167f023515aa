/** True each night: tests try more, and wait longer, than in `npm test`. */
export const isLong: boolean = process.env.UMBRA_LONG_TESTS !== undefined;

/** How large a test is: `day` in `npm test`, `nightly` in its long form. */
export function testSize(day: number, nightly: number): number {
  return isLong ? nightly : day;
}

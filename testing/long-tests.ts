/** True each night: tests try more, and wait longer, than in `npm test`. */
export const isLong: boolean = process.env.UMBRA_LONG_TESTS !== undefined;

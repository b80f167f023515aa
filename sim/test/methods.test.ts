import { beforeAll, describe, expect, test } from "@jest/globals";
import { methods } from "../evaluation/methods/list.ts";
import { shiftOf } from "../evaluation/methods/mann-whitney.ts";
import { independentPairs, limits, verdictShares } from "./measures/methods.ts";

/** Two standard errors of a share of 5 % in 2,000 runs are one point. */
describe("on independent pairs exactly at the margin", () => {
  let shares: ReturnType<typeof verdictShares> = {};
  beforeAll(() => {
    shares = verdictShares(limits.margin, 2_000);
  }, 120_000);

  test.each([
    { name: "paired t, fixed n", low: 4, high: 6 },
    { name: "group seq., pairs", low: 4, high: 6 },
    { name: "group seq., 60 s blocks", low: 4, high: 7 },
    { name: "mSPRT", low: 0, high: 5 },
    { name: "paired t, peeked", low: 12, high: 30 },
  ])("$name passes in $low to $high %", ({ name, low, high }) => {
    expect(shares[name]?.PASS).toBeGreaterThanOrEqual(low);
    expect(shares[name]?.PASS).toBeLessThanOrEqual(high);
  });

  test.each([
    { name: "paired t, fixed n", high: 0.9 },
    { name: "group seq., pairs", high: 0.9 },
    { name: "mSPRT", high: 0.5 },
  ])("$name fails in at most $high %", ({ name, high }) => {
    expect(shares[name]?.FAIL).toBeLessThanOrEqual(high);
  });
});

test("Mann-Whitney fails equal lanes in about 1 %, its confidence being 98 % on two sides", () => {
  const shares = verdictShares(0, 500);
  expect(shares["Mann-Whitney (Kayenta)"]?.FAIL).toBeLessThanOrEqual(2);
});

test("Hodges and Lehmann's shift is the median of all differences", () => {
  const { estimate, lower } = shiftOf([1, 2, 3, 4, 5, 6, 7, 8], [4, 5, 6, 7, 8, 9, 10, 11]);
  expect(estimate).toBe(3);
  expect(lower).toBe(-1);
});

test.each(Object.keys(methods))("%s tells a clear difference from an equal one", (name) => {
  const judge = methods[name];
  expect(judge?.(independentPairs(1, 0), limits).verdict).toBe("PASS");
  expect(judge?.(independentPairs(1, Math.log(1.6)), limits).verdict).toBe("FAIL");
});

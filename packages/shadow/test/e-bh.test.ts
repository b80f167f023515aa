import { describe, expect, test } from "@jest/globals";
import { createRandom, eBenjaminiHochberg, upperEValue } from "@umbra/shadow/statistics";

describe("e-BH", () => {
  test.each([
    // From an independent implementation in Python.
    { es: [120, 3, 45, 0.2, 20, 31, 0.9, 260], q: 0.1, tested: undefined, want: [0, 2, 4, 5, 7] },
    { es: [120, 3, 45, 0.2, 20, 31, 0.9, 260], q: 0.25, tested: undefined, want: [0, 2, 4, 5, 7] },
    { es: [1, 2, 3], q: 0.1, tested: undefined, want: [] },
    { es: [], q: 0.1, tested: undefined, want: [] },
    { es: [10], q: 0.1, tested: undefined, want: [0] },
    { es: [10], q: 0.1, tested: 2, want: [] },
    // The second alone has too little, and is flagged with the first.
    { es: [40, 10, 0, 0], q: 0.2, tested: 4, want: [0, 1] },
  ])("flags $want of $es at $q", ({ es, q, tested, want }) => {
    expect(eBenjaminiHochberg(es, q, tested)).toEqual(want);
  });
});

describe("the e-value of a t statistic", () => {
  test("has a mean of at most 1 where there is no effect", () => {
    const random = createRandom(5);
    const normal = () =>
      Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit());
    const runs = 50_000;
    let [sum, over] = [0, 0];
    for (let run = 0; run < runs; run++) {
      let squares = 0;
      for (let j = 0; j < 8; j++) squares += normal() ** 2 / 8;
      // Large values are rare and carry much of the mean: what is cut off makes the test stricter on the rest.
      const e = upperEValue(normal() / Math.sqrt(squares), 8);
      sum += Math.min(e, 1_000);
      if (e >= 100) over++;
    }
    expect(sum / runs).toBeLessThanOrEqual(1.05);
    // Markov's inequality.
    expect(over / runs).toBeLessThanOrEqual(0.01);
  });

  test("grows with the statistic and is 0 below the null value", () => {
    const values = [-3, 0, 0.5, 1, 2, 4, 8, 1e6, Number.POSITIVE_INFINITY].map((t) =>
      upperEValue(t, 8),
    );
    expect(values.slice(0, 2)).toEqual([0, 0]);
    expect(values.toSorted((a, b) => a - b)).toEqual(values);
    expect(values.at(-1)).toBeCloseTo(2 * 26 ** 4, 6);
  });

  test.each([
    { t: 5, freedom: 8, e: 140 },
    { t: 6.5, freedom: 8, e: 615 },
  ])("of $t with $freedom degrees of freedom is about $e", ({ t, freedom, e }) => {
    expect(Math.abs(upperEValue(t, freedom) / e - 1)).toBeLessThan(0.1);
  });
});

import { describe, expect, test } from "@jest/globals";
import { casesBySize } from "../../testing/test-size.ts";
import {
  arrivalCounts,
  loadMoments,
  outageShares,
  paretoTail,
  ratioMoments,
  slowerShadow,
  stretchedTail,
  wholeAnswers,
} from "./measures/traffic.ts";

describe("load", () => {
  test.each(casesBySize([5, 120, 20, 60], 2))("has variance 1 and a memory of %d s", (memoryS) => {
    const { sd, one, two, ten } = loadMoments(memoryS);
    expect(sd).toBeCloseTo(1, 1);
    expect(one).toBeCloseTo(Math.exp(-1), 1);
    expect(two).toBeCloseTo(Math.exp(-2), 1);
    expect(ten).toBeCloseTo(0, 1);
  });

  test("makes its share of the log ratio's variance, and none where there is no load", () => {
    const { sd, neighbours, independent } = ratioMoments();
    expect(sd).toBeCloseTo(0.35, 2);
    // Neighbours are half a second apart: hardly any of the share is gone.
    expect(neighbours).toBeCloseTo(0.3, 1);
    expect(independent).toBeCloseTo(0, 1);
  });
});

describe("arrivals", () => {
  test("steady ones are a Poisson process of two a second: variance equals mean", () => {
    const { mean, dispersion } = arrivalCounts("steady");
    expect(mean / 20).toBeCloseTo(1, 1);
    expect(dispersion).toBeCloseTo(1, 1);
  });

  test("bursts are eleven times as dense as the rest, two a second on average", () => {
    const { mean, median, top } = arrivalCounts("bursts");
    expect(mean / 20).toBeCloseTo(1, 1);
    // 8 in the quiet state, 88 in the busy one.
    expect(median).toBeGreaterThanOrEqual(7);
    expect(median).toBeLessThanOrEqual(10);
    expect(top).toBeGreaterThan(75);
  });

  test("the daily curve swings by 80 % once in the run", () => {
    const { mean, start, middle } = arrivalCounts("daily");
    expect(mean / 20).toBeCloseTo(1, 1);
    expect((start ?? 0) / 4).toBeCloseTo(1, 1);
    expect((middle ?? 0) / 36).toBeCloseTo(1, 1);
  });
});

describe("truths", () => {
  test("a slower shadow is slower by just its factor, on average and at a quantile", () => {
    const { typical, p90 } = slowerShadow(1.1);
    expect(typical).toBeCloseTo(1.1, 2);
    expect(p90).toBeCloseTo(1.1, 1);
  });

  const tails = [
    { of: "ttft", at: 0.9, from: 0.8, factor: 1.15 },
    { of: "whole", at: 0.99, from: 0.97, factor: 1.2 },
    { of: "ttft", at: 0.99, from: 0.97, factor: 1.2 },
    { of: "tpot", at: 0.99, from: 0.97, factor: 1.15 },
    { of: "whole", at: 0.9, from: 0.8, factor: 1.15 },
  ] as const;
  test.each(casesBySize(tails, 2))(
    "a stretched tail of $of is at its margin at $at",
    ({ at, ...tail }) => {
      const ratios = stretchedTail(tail, at);
      expect(Math.abs(ratios.at - tail.factor)).toBeLessThan(0.02);
      expect(ratios.median).toBeCloseTo(1, 2);
    },
  );

  test("whole answers are slower, streams are not", () => {
    const { streamed, whole, streams } = wholeAnswers(0.35, 3);
    expect(streamed).toBeCloseTo(0.35, 2);
    expect(whole).toBeCloseTo(3, 1);
    expect(streams).toBeCloseTo(1, 2);
  });
});

test("Pareto noise has a tail of index 1.5 and the spread that it says", () => {
  const { sd, excess } = paretoTail();
  expect(sd).toBeCloseTo(1 / 1.5, 1);
  // What is over a limit is exponential on the log scale, with mean 1 / index.
  expect(excess).toBeCloseTo(1 / 1.5, 1);
});

test("outages take their share of the time and last as long as they say", () => {
  const { share, lengthS } = outageShares(4, 20);
  expect(share).toBeCloseTo(20 / (900 + 20), 2);
  expect(lengthS).toBeCloseTo(20, 0);
});

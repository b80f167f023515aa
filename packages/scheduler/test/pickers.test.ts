import { describe, expect, test } from "@jest/globals";
import {
  maxScorePicker,
  type Picker,
  powerOfTwoPicker,
  randomPicker,
  topKPicker,
  weightedRandomPicker,
} from "@umbra/scheduler";

/** A small generator: the tests draw the same numbers each time. */
function draws(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Shares of 30,000 picks. */
function shares(picker: Picker, scores: readonly number[]): readonly number[] {
  const random = draws(7);
  const counts = scores.map(() => 0);
  for (let i = 0; i < 30_000; i++) {
    const index = picker.pick(Float64Array.from(scores), scores.length, random);
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts.map((count) => count / 30_000);
}

describe("pickers", () => {
  test.each([
    {
      name: "max-score: the highest",
      picker: maxScorePicker,
      scores: [0.1, 0.9, 0.5],
      want: [0, 1, 0],
    },
    {
      name: "max-score: equal scores with equal probability",
      picker: maxScorePicker,
      scores: [1, 0, 1, 1],
      want: [1 / 3, 0, 1 / 3, 1 / 3],
    },
    {
      name: "random: all with equal probability",
      picker: randomPicker,
      scores: [0, 1, 9],
      want: [1 / 3, 1 / 3, 1 / 3],
    },
    {
      name: "weighted-random: in proportion",
      picker: weightedRandomPicker,
      scores: [1, 0, 3],
      want: [0.25, 0, 0.75],
    },
    {
      name: "weighted-random: evenly where all are 0",
      picker: weightedRandomPicker,
      scores: [0, 0],
      want: [0.5, 0.5],
    },
    {
      name: "power-of-two: the better of two",
      picker: powerOfTwoPicker,
      scores: [0, 1, 2],
      want: [0, 1 / 3, 2 / 3],
    },
    { name: "power-of-two: one alone", picker: powerOfTwoPicker, scores: [0], want: [1] },
    {
      name: "power-of-two: the first of equals, drawn evenly",
      picker: powerOfTwoPicker,
      scores: [1, 1],
      want: [0.5, 0.5],
    },
    {
      name: "top-2: the two best with equal probability",
      picker: topKPicker(2),
      scores: [1, 5, 3, 4],
      want: [0, 0.5, 0, 0.5],
    },
    { name: "top-3: all of two", picker: topKPicker(3), scores: [1, 5], want: [0.5, 0.5] },
    {
      name: "top-1: equal scores with equal probability",
      picker: topKPicker(1),
      scores: [5, 5, 5, 5],
      want: [0.25, 0.25, 0.25, 0.25],
    },
    {
      name: "top-3: the best two, and any of the equal next ones",
      picker: topKPicker(3),
      scores: [9, 5, 9, 5],
      want: [1 / 3, 1 / 6, 1 / 3, 1 / 6],
    },
  ])("$name", ({ picker, scores, want }) => {
    for (const [i, share] of shares(picker, scores).entries()) {
      expect(Math.abs(share - (want[i] as number))).toBeLessThan(0.015);
    }
  });

  test("weighted-random takes the last that counts where rounding leaves a rest", () => {
    const scores = Float64Array.from([1, 1, 0]);
    expect(weightedRandomPicker.pick(scores, 3, () => 1)).toBe(1);
  });

  test.each([0, 1.5, Number.NaN])("topKPicker refuses %d", (k) => {
    expect(() => topKPicker(k)).toThrow(RangeError);
  });
});

import type { Cell } from "../cell.ts";
import { type KindName, kindNames, kinds, ordinary } from "../traffic/kinds.ts";
import { equal, kindSlower, slower, type Truth } from "../truth.ts";

/** Least share of equal lanes that must pass, by kind of traffic. */
const passes: Partial<Record<KindName, number>> = {
  "load 5 s": 0.9,
  "load 20 s": 0.75,
  "load 60 s": 0.4,
};

/** The log ratio is `factor` on average. Of three classes of prompts the longest, a tenth, has all of it. */
function meanSlower(kind: KindName, factor: number): Truth {
  return kind === "three prompt classes" ? kindSlower(2, factor ** 10) : slower(factor);
}

/** `ttft.typical` at its margin, with equal lanes and with a shadow that is too slow, on all kinds of traffic. */
export const typicalCells: readonly Cell[] = kindNames.flatMap((kind): Cell[] => {
  const common = {
    traffic: kinds[kind],
    isCompared: true,
    table: "typical",
    // Costs five times as much as the others.
    ...(kind === "10 pairs/s, load 20 s" ? { runs: 0.2 } : {}),
    ...(kind === "0.3 pairs/s" ? { settings: { minPairs: 400 } } : {}),
  } as const;
  const least = passes[kind];
  return [
    {
      ...common,
      name: `${kind}: margin of ttft.typical`,
      truth: meanSlower(kind, 1.1),
      looks: "end",
      claim: { kind: "margin", gate: "ttft.typical", isStationary: true },
    },
    {
      ...common,
      name: `${kind}: equal`,
      truth: equal,
      looks: "live",
      claim: { kind: "equal", ...(least === undefined ? {} : { passes: least }) },
      // Nearest to the bar of false FAILs: few runs can't tell on which side it is.
      ...(kind === "load 120 s" ? { runs: 8 } : {}),
    },
    {
      ...common,
      name: `${kind}: 1.25x`,
      truth: meanSlower(kind, 1.25),
      looks: "live",
      claim: { kind: "worse" },
    },
  ];
});

const limit = 1.1;

/** The ratio changes in the course of a run. */
const courses: Readonly<
  Record<string, { readonly at: (passed: number) => number; readonly isWorse: boolean }>
> = {
  "trend from 1.0x to 1.21x": { at: (passed) => limit ** (2 * passed), isWorse: false },
  "last third drifts to 1.5x": {
    at: (passed) => 1.5 ** Math.max(0, 3 * passed - 2),
    isWorse: true,
  },
  "last third is 1.3x": { at: (passed) => (passed < 2 / 3 ? 1 : 1.3), isWorse: true },
  "second half is 1.18x": { at: (passed) => (passed < 0.5 ? 1 : 1.18), isWorse: true },
  "second half is 1.25x": { at: (passed) => (passed < 0.5 ? 1 : 1.25), isWorse: true },
  "first 5 min are 1.5x": { at: (passed) => (passed < 1 / 6 ? 1.5 : 1), isWorse: false },
  "first 8 min are 2x": { at: (passed) => (passed < 8 / 30 ? 2 : 1), isWorse: false },
};

export const courseCells: readonly Cell[] = Object.entries(courses).map(
  ([name, { at, isWorse }]): Cell => ({
    name,
    traffic: ordinary,
    truth: { ttft: ({ passed }) => at(passed) },
    looks: "live",
    claim: isWorse ? { kind: "worse" } : { kind: "shown" },
    isCompared: true,
    table: "course",
  }),
);

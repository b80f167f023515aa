import type { Traffic } from "./traffic.ts";

/** Load that lasts, as a share of the variance of the log ratio. */
export function lasting(memoryS: number, share = 0.3): Partial<Traffic> {
  return { load: { memoryS, share } };
}

/** Load with a memory of 5 s: what traffic has where nothing else is said. */
export const ordinary: Partial<Traffic> = lasting(5);

export const heavyTail: Partial<Traffic> = { pairLogSd: Math.SQRT2 / 1.5, noise: "pareto" };

/** Traffic that all of `ttft.typical` is judged on, by name. */
export const kinds = {
  independent: {},
  "spread 1.0": { pairLogSd: 1 },
  "Pareto 1.5": heavyTail,
  "outliers of 30 s, 1 %": { outliers: { primary: 0.01, shadow: 0.01 } },
  bursts: { ...ordinary, arrivals: "bursts" },
  "daily curve": { ...ordinary, arrivals: "daily" },
  "load 5 s": ordinary,
  "load 20 s": lasting(20),
  "load 60 s": lasting(60),
  "load 120 s": lasting(120),
  "load 120 s, weak": lasting(120, 0.1),
  "three prompt classes": {
    prompts: [
      { share: 0.7, medianMs: 150 },
      { share: 0.2, medianMs: 400 },
      { share: 0.1, medianMs: 2_000 },
    ],
  },
  "0.3 pairs/s": { perSecond: 0.3 },
  "10 pairs/s, load 20 s": { ...lasting(20), perSecond: 10 },
} as const satisfies Readonly<Record<string, Partial<Traffic>>>;

export type KindName = keyof typeof kinds;
export const kindNames: readonly KindName[] = Object.keys(kinds) as KindName[];

import { describe, expect, test } from "@jest/globals";
import { createRandom } from "@umbra/shadow/statistics";
import { anytimeBounds, cosineBounds, cosineSd, longRunSd } from "../src/statistics/long-run.ts";

const blockS = 10;
/** Standard deviation of a pair's log ratio. */
const pairSd = 0.35;

/**
 * Mean log ratios of blocks of 20 pairs, around 0: 30 % of a pair's variance is load of the given memory, an
 * Ornstein-Uhlenbeck process averaged over each block.
 */
function blockMeans(seed: number, memoryS: number, count: number): Float64Array {
  const { unit } = createRandom(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit());
  const keep = memoryS === 0 ? 0 : Math.exp(-1 / memoryS);
  const step = Math.sqrt(1 - keep * keep);
  let load = normal();
  return Float64Array.from({ length: count }, () => {
    let sum = 0;
    for (let second = 0; second < blockS; second++) {
      load = keep * load + step * normal();
      sum += load;
    }
    const lasting = pairSd * Math.sqrt(0.3) * (sum / blockS);
    return lasting + (pairSd * Math.sqrt(0.7) * normal()) / Math.sqrt(20);
  });
}

function centred(means: Float64Array): {
  readonly mean: number;
  readonly influences: Float64Array;
} {
  const mean = means.reduce((sum, each) => sum + each, 0) / means.length;
  return { mean, influences: means.map((each) => each - mean) };
}

function shareOfRuns(runs: number, holds: (seed: number) => boolean): number {
  let count = 0;
  for (let seed = 1; seed <= runs; seed++) if (holds(seed)) count++;
  return count / runs;
}

describe("bounds for one analysis at 28 minutes", () => {
  // 14 swings of the load are all that a run sees. Without what its memory takes from the waves it is 11.6 %.
  test("a mean at the margin is under them seldom enough with load of 120 s", () => {
    const wrong = shareOfRuns(500, (seed) => {
      const { mean, influences } = centred(blockMeans(seed, 120, 168));
      return cosineBounds(mean, influences, 0.05).upper < 0;
    });
    expect(wrong).toBeLessThanOrEqual(0.09);
  });

  test("hardly cost power where load swings often", () => {
    const passed = shareOfRuns(100, (seed) => {
      const { mean, influences } = centred(blockMeans(seed, 20, 168));
      return cosineBounds(mean, influences, 0.05).upper < Math.log(1.1);
    });
    expect(passed).toBeGreaterThan(0.8);
  });
});

test("the spread is raised for load that lasts, by at most a half of its power, and never lowered", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const { influences } = centred(blockMeans(seed, 60, 168));
    const rise = (longRunSd(influences) / cosineSd(influences)) ** 2;
    expect(rise).toBeGreaterThanOrEqual(1);
    expect(rise).toBeLessThanOrEqual(1.5 + 1e-12);
  }
});

describe("bounds that hold at every analysis", () => {
  /** Whether some look after each block finds the mean, of which `shift` is true, over the margin. */
  const fails = (seed: number, memoryS: number, shift: number, until: number) => {
    const means = blockMeans(seed, memoryS, 168);
    for (let count = 20; count <= until; count++) {
      const { mean, influences } = centred(means.subarray(0, count));
      const bounds = anytimeBounds({ mean: mean + shift, valueSd: pairSd }, influences, 0.02);
      if (bounds !== undefined && bounds.lower > 0) return true;
    }
    return false;
  };

  test("there are none before 20 blocks", () => {
    const few = centred(blockMeans(1, 0, 19));
    const enough = centred(blockMeans(1, 0, 20));
    const bounds = ({ mean, influences }: ReturnType<typeof centred>) =>
      anytimeBounds({ mean, valueSd: pairSd }, influences, 0.02);
    expect(bounds(few)).toBeUndefined();
    expect(bounds(enough)).toBeDefined();
  });

  test("a shadow 1.3x slower fails within four minutes in most runs, with load of 5 s", () => {
    const found = shareOfRuns(300, (seed) => fails(seed, 5, Math.log(1.3 / 1.1), 24));
    expect(found).toBeGreaterThan(0.5);
  });

  // A load that lasts as long as the run so far is in their mean, and not in their deviation.
  test("blocks that hardly deviate are not trusted while they are few", () => {
    const radius = (count: number, valueSd: number) => {
      const influences = Float64Array.from({ length: count }, (_, k) =>
        k % 2 === 0 ? 0.01 : -0.01,
      );
      return anytimeBounds({ mean: 0, valueSd }, influences, 0.02)?.upper ?? Number.NaN;
    };
    // The square root of 2/9 of the variance, over what they deviate by: 0.01.
    expect(radius(24, 0.3) / radius(24, 0)).toBeCloseTo(10 * Math.SQRT2, 6);
    expect(radius(96, 0.3) / radius(96, 0)).toBeCloseTo(10, 6);
  });

  test("equal lanes hardly ever fail with load of 120 s, looked at each ten seconds", () => {
    const failed = shareOfRuns(400, (seed) => fails(seed, 120, -Math.log(1.1), 168));
    expect(failed).toBeLessThanOrEqual(0.05);
  });
});

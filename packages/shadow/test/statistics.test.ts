import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import {
  chooseBlocks,
  createEProcess,
  createRandom,
  cutBlocks,
  hodgesLehmann,
  mcnemarExact,
  meanBounds,
  meanInterval,
  mixtureVariance,
  normalQuantile,
  quantile,
  quantileRatios,
  signedRank,
  smallSampleFactor,
  sorted,
  studentQuantile,
  tangoInterval,
  unitHalfWidth,
} from "@umbra/shadow/statistics";
import fc from "fast-check";

interface TangoCase {
  readonly b: number;
  readonly c: number;
  readonly n: number;
  readonly conf: number;
  readonly ci: readonly [number, number];
}

/** Computed with scipy and checked in plain Node. */
const vectors = JSON.parse(
  readFileSync(new URL("vectors/statistics.json", import.meta.url), "utf8"),
) as {
  readonly prng: { readonly seed: number; readonly first6_u32: readonly number[] };
  readonly prng_seed1_first4: readonly number[];
  readonly S: {
    readonly primary: readonly number[];
    readonly shadow: readonly number[];
    readonly expect: Readonly<Record<string, number>> & {
      readonly gmr_ci90_t: readonly number[];
      readonly acs_gmr_bounds_treating_pairs_as_blocks: readonly number[];
      readonly tango90: readonly number[];
      readonly eprocess_logE_first3: readonly number[];
    };
  };
  readonly "acs_unit_halfwidth_2alpha.10_topt60": Readonly<Record<string, number>>;
  readonly tango: readonly TangoCase[];
  readonly mcnemar_exact: readonly {
    readonly b: number;
    readonly c: number;
    readonly p: number;
  }[];
  readonly t_quantile_095: Readonly<Record<string, { exact: number; cornish_fisher3: number }>>;
  readonly norm_ppf: Readonly<Record<string, number>>;
  readonly eprocess: readonly { readonly logE: number; readonly first_i_logE_ge_ln20: number }[];
  readonly G: {
    readonly first3_primary: readonly number[];
    readonly first3_shadow: readonly number[];
    readonly mean_d: number;
    readonly block_sd: number;
    readonly lag1: number;
    readonly cK: number;
    readonly cs_gmr: readonly number[];
    readonly quantiles: Readonly<Record<string, { readonly ratio_q7: number }>>;
    readonly bootstrap: Readonly<
      Record<string, { raw_ratio_ci90: readonly number[]; inflated_ratio_ci90: readonly number[] }>
    >;
    readonly slo500: {
      readonly b: number;
      readonly c: number;
      readonly tango90: readonly number[];
      readonly "eprocess_m0.03_logE_final": number;
      readonly "eprocess_m0.03_first_pass": number;
      readonly "eprocess_m0.03_logE_max": number;
    };
  };
};

const digits = 6;
const close = (actual: readonly number[], expected: readonly number[]) => {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((value, index) => {
    expect(value).toBeCloseTo(expected[index] ?? Number.NaN, digits);
  });
};

const logRatios = (primary: readonly number[], shadow: readonly number[]) =>
  primary.map((value, index) => Math.log((shadow[index] ?? 0) / value));

/** Set G: 2,000 pairs with a true ratio of e^0.04, in blocks of 50. */
function setG() {
  const random = createRandom(20_251);
  const [primary, shadow, atMs]: [number[], number[], number[]] = [[], [], []];
  for (let i = 0; i < 2_000; i++) {
    const [u1, u2, u3, u4] = [random.unit(), random.unit(), random.unit(), random.unit()];
    const a = Math.sqrt(-2 * Math.log(1 - u1));
    const z1 = a * Math.cos(2 * Math.PI * u2);
    const z2 = a * Math.sin(2 * Math.PI * u2);
    const z3 = Math.sqrt(-2 * Math.log(1 - u3)) * Math.cos(2 * Math.PI * u4);
    primary.push(Math.exp(5.3 + 0.6 * z1 + 0.25 * z2));
    shadow.push(Math.exp(5.34 + 0.6 * z1 + 0.25 * z3));
    atMs.push(Math.floor(i / 50) * 10_000);
  }
  return { primary, shadow, atMs, d: logRatios(primary, shadow) };
}

describe("generator and quantiles", () => {
  test("the generator gives the published numbers", () => {
    const first = createRandom(vectors.prng.seed);
    expect(Array.from({ length: 6 }, () => first.u32())).toEqual(vectors.prng.first6_u32);
    const second = createRandom(1);
    expect(Array.from({ length: 4 }, () => second.u32())).toEqual(vectors.prng_seed1_first4);
  });

  test.each(Object.entries(vectors.norm_ppf))("normal quantile of %s", (p, expected) => {
    expect(normalQuantile(Number(p))).toBeCloseTo(expected, 12);
    expect(normalQuantile(1 - Number(p))).toBeCloseTo(-expected, 12);
  });

  test("normal quantiles far out in the tail, and at the ends", () => {
    expect(normalQuantile(1e-20)).toBeCloseTo(-9.262340089798409, 9);
    expect(normalQuantile(0)).toBe(Number.NEGATIVE_INFINITY);
    expect(normalQuantile(1)).toBe(Number.POSITIVE_INFINITY);
  });

  test.each(Object.entries(vectors.t_quantile_095))("t quantile at %s degrees", (v, expected) => {
    expect(studentQuantile(0.95, Number(v))).toBeCloseTo(expected.exact, 9);
  });

  test.each([
    [0.95, 1, 6.313751514675043],
    [0.95, 6, 1.9431802805153022],
    [0.95, 8, 1.8595480375228421],
    [0.995, 8, 3.3553873313333957],
    [0.9975, 6, 4.316827103],
    [0.95, 1_000, 1.6463788172854639],
  ])("t quantile %p at %p degrees is exact", (p, freedom, expected) => {
    expect(studentQuantile(p, freedom)).toBeCloseTo(expected, 8);
    expect(studentQuantile(1 - p, freedom)).toBeCloseTo(-expected, 8);
  });

  test("a t quantile does not depend on those that were asked for before", () => {
    expect(studentQuantile(0.975, 6)).toBeCloseTo(2.4469118511449692, 9);
    expect(studentQuantile(0.95, 31)).toBeCloseTo(1.6955187825458664, 9);
    expect(studentQuantile(0.98, 1)).toBeCloseTo(15.894544843865303, 8);
  });

  test("t quantiles in any order have their probability", () => {
    const p = fc.constantFrom(0.9, 0.95, 0.96, 0.97, 0.975, 0.98, 0.99, 0.995, 0.9975, 0.999);
    const freedom = fc.integer({ min: 1, max: 199 });
    const asked = fc.array(fc.tuple(p, freedom), { minLength: 100, maxLength: 300 });
    fc.assert(
      fc.property(asked, (pairs) => {
        const found = pairs.map(([p, v]) => studentProbability(studentQuantile(p, v), v));
        const isRight = pairs.every(([p], i) => Math.abs((found[i] ?? 0) - p) < 1e-7);
        expect(isRight).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  test("type 7 quantiles of set S", () => {
    const { primary, shadow, expect: expected } = vectors.S;
    for (const p of [0.5, 0.9, 0.99]) {
      expect(quantile(sorted(primary), p)).toBeCloseTo(expected[`q7_primary_${p}`] ?? 0, digits);
      expect(quantile(sorted(shadow), p)).toBeCloseTo(expected[`q7_shadow_${p}`] ?? 0, digits);
    }
    expect(quantile([], 0.5)).toBeNaN();
    expect(quantile([7], 0.99)).toBe(7);
  });
});

/** Cumulative probability of Student's t by Simpson's rule: with t = sqrt(v) tan(x), the density is cos(x) to the power v - 1. */
function studentProbability(t: number, freedom: number): number {
  const area = (end: number) => {
    const steps = 400;
    const at = (i: number) => Math.cos((end * i) / steps) ** (freedom - 1);
    const weight = (i: number) => (i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2);
    const heights = Array.from({ length: steps + 1 }, (_, i) => weight(i) * at(i));
    return (end / steps / 3) * heights.reduce((sum, height) => sum + height, 0);
  };
  return 0.5 + area(Math.atan(t / Math.sqrt(freedom))) / area(Math.PI / 2) / 2;
}

describe("one fixed look at set S", () => {
  const { primary, shadow, expect: expected } = vectors.S;
  const d = logRatios(primary, shadow);

  test("t interval of the geometric mean ratio", () => {
    const { lower, upper } = meanInterval(d, 0.9);
    // The expansion of t is good to 4e-6, the interval to less.
    expect(Math.exp(lower)).toBeCloseTo(expected.gmr_ci90_t[0] ?? 0, 6);
    expect(Math.exp(upper)).toBeCloseTo(expected.gmr_ci90_t[1] ?? 0, 6);
  });

  test("signed ranks", () => {
    const { wPlus, greater, twoSided } = signedRank(d);
    expect(wPlus).toBe(expected.wilcoxon_Wplus);
    expect(greater).toBeCloseTo(expected.wilcoxon_p_greater_exact ?? 0, 12);
    expect(twoSided).toBeCloseTo(expected.wilcoxon_p_two_sided_exact ?? 0, 12);
    expect(signedRank(d.map((each) => each - Math.log(1.1))).less).toBeCloseTo(
      expected.wilcoxon_noninf_margin10_p_less_exact ?? 0,
      12,
    );
  });

  test("Hodges-Lehmann and median ratio", () => {
    expect(Math.exp(hodgesLehmann(d))).toBeCloseTo(expected.hodges_lehmann_ratio ?? 0, digits);
    expect(Math.exp(quantile(sorted(d), 0.5))).toBeCloseTo(expected.median_ratio ?? 0, digits);
  });
});

describe("confidence sequence", () => {
  test("boundary", () => {
    expect(mixtureVariance()).toBeCloseTo(
      vectors.S.expect["acs_rho2_approx_alpha.10_topt60"] ?? 0,
      9,
    );
    for (const [blocks, width] of Object.entries(vectors["acs_unit_halfwidth_2alpha.10_topt60"])) {
      expect(unitHalfWidth(Number(blocks), 0.05)).toBeCloseTo(width, 9);
    }
  });

  test("set S with each pair as a block", () => {
    const { primary, shadow, expect: expected } = vectors.S;
    const d = logRatios(primary, shadow);
    const mean = d.reduce((sum, each) => sum + each, 0) / 20;
    const sd = Math.sqrt(d.reduce((sum, each) => sum + (each - mean) ** 2, 0) / 19);
    expect(mean).toBeCloseTo(expected.mean_d ?? 0, 9);
    expect(sd).toBeCloseTo(expected.sd_d ?? 0, 9);
    const radius = sd * unitHalfWidth(20, 0.05);
    close(
      [Math.exp(mean - radius), Math.exp(mean + radius)],
      expected.acs_gmr_bounds_treating_pairs_as_blocks,
    );
  });

  test("set G in blocks of 50 pairs", () => {
    const { primary, shadow, atMs, d } = setG();
    close(primary.slice(0, 3), vectors.G.first3_primary);
    close(shadow.slice(0, 3), vectors.G.first3_shadow);
    const blocks = cutBlocks(atMs, d, 10_000);
    expect(blocks.count).toBe(40);
    expect(blocks.mean).toBeCloseTo(vectors.G.mean_d, 9);
    expect(blocks.sd).toBeCloseTo(vectors.G.block_sd, 9);
    expect(blocks.lag1).toBeCloseTo(vectors.G.lag1, 9);
    // The vectors have t by its expansion.
    expect(smallSampleFactor(40)).toBeCloseTo(vectors.G.cK, 6);
    const { lower, upper } = meanBounds(blocks, 0.05);
    close([Math.exp(lower), Math.exp(upper)], vectors.G.cs_gmr);
  });
});

describe("rates", () => {
  test.each(vectors.tango)("Tango's interval of b=$b c=$c n=$n", ({ conf, ci, ...pairs }) => {
    const { lower, upper } = tangoInterval(pairs, conf);
    expect(lower).toBeCloseTo(ci[0], 9);
    expect(upper).toBeCloseTo(ci[1], 9);
  });

  test.each(vectors.mcnemar_exact)("McNemar's p of b=$b c=$c", ({ p, ...pairs }) => {
    expect(mcnemarExact(pairs)).toBeCloseTo(p, 9);
  });

  test("e-process on set S at an SLO of 300 ms", () => {
    const { primary, shadow, expect: expected } = vectors.S;
    const process = createEProcess(0.1, "below");
    const seen: number[] = [];
    let [b, c] = [0, 0];
    primary.forEach((value, index) => {
      const z = Number((shadow[index] ?? 0) > 300) - Number(value > 300);
      if (z > 0) b++;
      if (z < 0) c++;
      process.add(z);
      seen.push(process.logE);
    });
    close(seen.slice(0, 3), expected.eprocess_logE_first3);
    expect(process.logE).toBeCloseTo(expected["eprocess_margin0.10_logE"] ?? 0, 9);
    const { lower, upper } = tangoInterval({ b, c, n: 20 }, 0.9);
    close([lower, upper], expected.tango90);
  });

  const streams = [
    { name: "1,000 zeros", length: 1_000, z: () => 0, at: 0 },
    {
      name: "one of each kind in 200",
      length: 2_000,
      z: (i: number) => (i % 200 === 0 ? 1 : i % 200 === 100 ? -1 : 0),
      at: 1,
    },
  ];
  test.each(streams)("e-process on $name", ({ length, z, at }) => {
    const process = createEProcess(0.01, "below");
    let crossed: number | undefined;
    for (let i = 1; i <= length; i++) {
      process.add(z(i));
      if (process.logE >= Math.log(20)) crossed ??= i;
    }
    expect(process.logE).toBeCloseTo(vectors.eprocess[at]?.logE ?? 0, 9);
    expect(crossed).toBe(vectors.eprocess[at]?.first_i_logE_ge_ln20);
  });

  test("set G at an SLO of 500 ms", () => {
    const { primary, shadow } = setG();
    const process = createEProcess(0.03, "below");
    let [b, c, crossed] = [0, 0, 0];
    primary.forEach((value, index) => {
      const z = Number((shadow[index] ?? 0) > 500) - Number(value > 500);
      if (z > 0) b++;
      if (z < 0) c++;
      process.add(z);
      if (crossed === 0 && process.logE >= Math.log(20)) crossed = index + 1;
    });
    const expected = vectors.G.slo500;
    expect({ b, c, crossed }).toEqual({
      b: expected.b,
      c: expected.c,
      crossed: expected["eprocess_m0.03_first_pass"],
    });
    expect(process.logE).toBeCloseTo(expected["eprocess_m0.03_logE_final"], 9);
    expect(process.maxLogE).toBeCloseTo(expected["eprocess_m0.03_logE_max"], 9);
    const { lower, upper } = tangoInterval({ b, c, n: 2_000 }, 0.9);
    close([lower, upper], expected.tango90);
  });

  test("an e-process that stakes more wins faster, and never loses all", () => {
    const [half, most] = [
      createEProcess(0.01, "above"),
      createEProcess(0.01, "above", { mostStaked: 0.95 }),
    ];
    for (let i = 0; i < 100; i++) for (const process of [half, most]) process.add(0.04);
    expect(most.logE).toBeGreaterThan(1.5 * half.logE);
    most.add(-1);
    expect(Number.isFinite(most.logE)).toBe(true);
  });

  test("the e-process against the margin from above mirrors the one from below", () => {
    const below = createEProcess(0.01, "below");
    const above = createEProcess(-0.01, "above");
    for (let i = 0; i < 500; i++) {
      below.add(i % 50 === 0 ? -1 : 0);
      above.add(i % 50 === 0 ? 1 : 0);
    }
    expect(above.logE).toBeCloseTo(below.logE, 12);
  });
});

describe("bootstrap", () => {
  test("quantile ratios of set G", () => {
    const { primary, shadow, atMs, d } = setG();
    const { blockOf, count } = cutBlocks(atMs, d, 10_000);
    const levels = [0.5, 0.9, 0.99];
    const results = quantileRatios({ primary, shadow, blockOf, blocks: count }, levels, {
      seed: 1,
      alphas: [0.05],
    });
    levels.forEach((level, index) => {
      const { estimate, intervals } = results[index] ?? {};
      const { raw, inflated } = intervals?.[0] ?? {};
      const expected = vectors.G.bootstrap[String(level)];
      expect(estimate).toBeCloseTo(vectors.G.quantiles[String(level)]?.ratio_q7 ?? 0, digits);
      close([raw?.lower ?? 0, raw?.upper ?? 0], expected?.raw_ratio_ci90 ?? []);
      close([inflated?.lower ?? 0, inflated?.upper ?? 0], expected?.inflated_ratio_ci90 ?? []);
    });
  });
});

describe("blocks", () => {
  const spread = (n: number, stepMs: number) => Array.from({ length: n }, (_, i) => i * stepMs);

  test("joins a block of fewer than five to the next, and the last to the one before", () => {
    const atMs = [0, 1, 10_000, 10_001, 10_002, 10_003, 10_004, 20_000];
    const { count, counts, blockOf } = cutBlocks(
      atMs,
      atMs.map(() => 1),
      10_000,
    );
    expect({ count, counts: [...counts], blockOf: [...blockOf] }).toEqual({
      count: 1,
      counts: [8],
      blockOf: [0, 0, 0, 0, 0, 0, 0, 0],
    });
  });

  test("the series of set G asks for longer blocks", () => {
    const { atMs, d } = setG();
    const chosen = chooseBlocks(atMs, d, { lengthsMs: [10_000, 20_000, 40_000] });
    expect(chosen).toMatchObject({ ok: true, blocks: { lengthMs: 20_000, count: 20 } });
  });

  test("says when there is too little, and when load is too correlated", () => {
    const few = chooseBlocks(spread(100, 100), spread(100, 0), { lengthsMs: [10_000] });
    expect(few).toMatchObject({ ok: false, reason: "too few blocks" });
    const trend = spread(5_000, 1);
    const drifting = chooseBlocks(spread(5_000, 100), trend, { lengthsMs: [10_000, 20_000] });
    expect(drifting).toMatchObject({ ok: false, reason: "too autocorrelated" });
  });

  test("never goes back to a shorter length", () => {
    const atMs = spread(10_000, 100);
    const values = atMs.map((_, i) => (i % 2 === 0 ? 1 : -1));
    const chosen = chooseBlocks(atMs, values, { lengthsMs: [10_000, 20_000], atLeastMs: 20_000 });
    expect(chosen.blocks.lengthMs).toBe(20_000);
  });

  test("equal values have no spread and no correlation", () => {
    const atMs = spread(1_000, 300);
    const blocks = cutBlocks(
      atMs,
      atMs.map(() => 0.1),
      10_000,
    );
    expect(blocks).toMatchObject({ sd: 0, lag1: 0 });
  });

  test("every value is in a block, and the blocks' sums are the values' sum", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(100_000), fc.integer({ min: -5, max: 5 })), { minLength: 1 }),
        (values) => {
          const ordered = values.toSorted(([a], [b]) => a - b);
          const blocks = cutBlocks(
            ordered.map(([at]) => at),
            ordered.map(([, value]) => value),
            10_000,
          );
          const sum = (of: Iterable<number>) => [...of].reduce((total, each) => total + each, 0);
          expect(sum(blocks.counts)).toBe(values.length);
          expect(sum(blocks.sums)).toBe(sum(values.map(([, value]) => value)));
          expect(Math.max(...blocks.blockOf)).toBe(blocks.count - 1);
        },
      ),
    );
  });
});

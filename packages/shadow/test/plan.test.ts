import { describe, expect, test } from "@jest/globals";
import {
  evaluationConfig,
  type PlanInput,
  planEvaluation,
  profileOf,
  type Sample,
} from "@umbra/shadow";
import { createRandom } from "@umbra/shadow/statistics";
import { leg, sample } from "./fixtures.ts";

const config = evaluationConfig();
const plan = (tauS: number, percent = 100) =>
  planEvaluation({ config, ratePerSecond: 2, percent, profile: { tauS } });

describe("planEvaluation", () => {
  test("load that lasts costs power, of each gate and of the whole", () => {
    const powers = [5, 20, 60, 120].map((tauS) => plan(tauS).power);
    expect(powers).toEqual(powers.toSorted((a, b) => b - a));
    expect(powers[0]).toBeGreaterThan(0.85);
    expect(powers[3]).toBeLessThan(0.5);
  });

  test("the whole has no more power than its weakest gate", () => {
    const { gates, power } = plan(20);
    const required = gates.filter((gate) => gate.required).map((gate) => gate.power);
    expect(power).toBeLessThanOrEqual(Math.min(...required) + 0.02);
  });

  test("the horizon that it names has the power that it names", () => {
    const { seconds } = plan(60);
    const longer = evaluationConfig({ horizonMs: (seconds ?? 0) * 1_000 });
    const { power } = planEvaluation({
      ...{ config: longer, ratePerSecond: 2, percent: 100, profile: { tauS: 60 } },
    });
    expect(power).toBeGreaterThanOrEqual(0.79);
  });

  test("the horizon that it names can be shorter than the configured one", () => {
    const longer = evaluationConfig({ horizonMs: 6 * 3_600_000 });
    const planOf = (seconds: number) =>
      planEvaluation({
        ...{ config: evaluationConfig({ horizonMs: seconds * 1_000 }) },
        ...{ ratePerSecond: 5, percent: 100, profile: { tauS: 5 } },
      });
    const seconds = planOf(longer.horizonMs / 1_000).seconds ?? Number.POSITIVE_INFINITY;
    expect(seconds).toBeLessThan(3_600);
    expect(planOf(seconds).power).toBeGreaterThanOrEqual(0.79);
  });

  test("what would be seen shrinks with the pairs", () => {
    const seen = (percent: number) => plan(5, percent).gates.find(({ id }) => id === "ttft.p99");
    expect(seen(100)?.detectable).toBeLessThan(1.2);
    expect(seen(60)?.detectable).toBeGreaterThan(seen(100)?.detectable ?? 9);
  });

  test("whole answers have gates of their own, and streams have none where nothing streams", () => {
    const ids = planEvaluation({
      ...{ config, ratePerSecond: 2, percent: 100, profile: { streamedShare: 0 } },
    }).gates.map(({ id }) => id);
    expect(ids).toContain("whole.p99");
    expect(ids.filter((id) => id.startsWith("ttft.") || id.startsWith("tpot."))).toEqual([]);
  });
});

describe("planEvaluation, as the judge decides", () => {
  const planOf = (more: Partial<PlanInput>) =>
    planEvaluation({ config, ratePerSecond: 2, percent: 100, ...more });

  test.each([
    { ratePerSecond: 0.9, isShort: true },
    { ratePerSecond: 2, isShort: false },
  ])("$ratePerSecond requests a second: short of pairs $isShort", ({ ratePerSecond, isShort }) => {
    const { pairs, isShortOfPairs, power, gates, seconds } = planOf({ ratePerSecond });
    expect([pairs < config.minPairs, isShortOfPairs]).toEqual([isShort, isShort]);
    expect([power === 0, gates.every((gate) => gate.power === 0)]).toEqual([isShort, isShort]);
    const forPairs = config.minPairs / ratePerSecond + config.warmupMs / 1_000;
    expect(seconds).toBeGreaterThanOrEqual(forPairs);
  });

  test.each([
    { streamedShare: 1, streams: true, whole: false },
    { streamedShare: 0.97, streams: true, whole: false },
    { streamedShare: 0.5, streams: true, whole: true },
    { streamedShare: 0.03, streams: false, whole: true },
  ])("$streamedShare streamed: kinds that are rare do not count", (each) => {
    const { streamedShare, streams, whole } = each;
    const ids = planOf({ profile: { streamedShare } }).gates.map(({ id }) => id);
    expect([ids.includes("ttft.p99"), ids.includes("whole.p99")]).toEqual([streams, whole]);
  });

  test("few whole answers do not cost all power", () => {
    const [all, most] = [1, 0.97].map((streamedShare) => planOf({ profile: { streamedShare } }));
    expect(most?.power).toBeGreaterThan((all?.power ?? 1) - 0.1);
  });

  test("a stricter alpha costs power, and what is seen gets larger", () => {
    const [usual, strict] = [0.05, 0.01].map((alpha) =>
      planOf({ config: evaluationConfig({ alpha }), profile: { tauS: 60 } }),
    );
    const seen = (of: typeof usual) =>
      of?.gates.find(({ id }) => id === "ttft.typical")?.detectable;
    expect(strict?.power).toBeLessThan(usual?.power ?? 0);
    expect(seen(strict)).toBeGreaterThan(seen(usual) ?? 9);
  });

  test("a short run has fewer degrees of freedom", () => {
    const at = (horizonMs: number) =>
      planOf({
        ...{ config: evaluationConfig({ horizonMs, warmupMs: 0, minPairs: 200 }) },
        ...{ ratePerSecond: 4, profile: { loadShare: 0 } },
      }).gates.find(({ id }) => id === "ttft.typical")?.detectable ?? 0;
    // 99 blocks and 100 of them: t of 6 degrees of freedom and of 8, and the root of the time.
    const [short, long] = [at(990_000), at(1_000_000)].map(Math.log);
    expect((short ?? 0) / (long ?? 1)).toBeCloseTo((2.785 / 2.701) * Math.sqrt(100 / 99), 2);
  });
});

describe("profileOf", () => {
  /** Unmirrored requests of a primary with load that lasts `tauS`, four a second for an hour. */
  function primary(tauS: number): readonly Sample[] {
    const random = createRandom(5);
    const normal = () =>
      Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit());
    const keep = Math.exp(-0.25 / tauS);
    let load = normal();
    return Array.from({ length: 14_400 }, (_, i) => {
      load = keep * load + Math.sqrt(1 - keep * keep) * normal();
      const size = normal();
      const ttft = 200 * Math.exp(0.5 * size + 0.15 * load + 0.2 * normal());
      return sample(i * 250, {
        ...{ mirrored: false, shadow: null },
        primary: leg({ ttft, e2e: 20_000, promptBytes: Math.round(2_000 * Math.exp(1.2 * size)) }),
      });
    });
  }

  test("an unmirrored primary says how its traffic spreads", () => {
    const { profile, requests, pairs } = profileOf(primary(60), config);
    expect([requests, pairs]).toEqual([14_400, 0]);
    // Twice the variance of what prompt size does not explain.
    expect(profile.logRatioSd).toBeCloseTo(Math.SQRT2 * 0.25, 1);
    expect(profile.loadShare).toBeCloseTo(0.36, 1);
    expect(profile.tauS).toBeGreaterThan(30);
    expect(profile.tauS).toBeLessThan(120);
    expect(profile).toMatchObject({ e2eS: 20, streamedShare: 1 });
  });

  test("too few requests give no result", () => {
    expect(profileOf(primary(60).slice(0, 150), config)).toEqual({
      ...{ profile: {}, requests: 150, pairs: 0 },
    });
  });
});

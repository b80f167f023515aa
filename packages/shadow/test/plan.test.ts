import { describe, expect, test } from "@jest/globals";
import { evaluationConfig, planEvaluation, profileOf, type Sample } from "@umbra/shadow";
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

  test("few requests say nothing", () => {
    expect(profileOf(primary(60).slice(0, 150), config)).toEqual({
      ...{ profile: {}, requests: 150, pairs: 0 },
    });
  });
});

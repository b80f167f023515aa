import { describe, expect, test } from "@jest/globals";
import type { Sample, SampleLeg } from "@umbra/shadow";
import { parseSample } from "@umbra/shadow";
import { cells } from "../evaluation/cells.ts";
import { createDraws } from "../evaluation/draws.ts";
import { requestsOf } from "../evaluation/traffic/requests.ts";
import { samplesOf, startMs, type TimedSample } from "../evaluation/traffic/samples.ts";
import { independent, type Traffic } from "../evaluation/traffic/traffic.ts";
import { equal, someSlower, type Truth } from "../evaluation/truth.ts";

function simulated(traffic: Partial<Traffic>, truth: Truth = equal): readonly TimedSample[] {
  const full = { ...independent, seconds: 4_000, ...traffic };
  const draws = createDraws(11);
  return samplesOf(requestsOf(full, truth, draws), full, draws);
}

const none = { primary: 0, shadow: 0 };
const share = (samples: readonly TimedSample[], is: (sample: Sample) => boolean) =>
  samples.filter(({ sample }) => is(sample)).length / samples.length;
const legOf = (sample: Sample, lane: "primary" | "shadow"): SampleLeg =>
  lane === "primary" ? sample.primary : (sample.shadow ?? sample.primary);

describe("samples", () => {
  test("read as lines of a samples file", () => {
    const first = simulated({ seconds: 60, streamed: 0.5 });
    const read = first.map(({ sample }) => parseSample(JSON.stringify(sample)));
    expect(read.every(({ ok }) => ok)).toBe(true);
    expect(read.map((line) => line.ok && line.sample)).toEqual(first.map(({ sample }) => sample));
  });

  test("come in the order in which both legs have ended, which is behind their dispatch", () => {
    const samples = simulated({ outliers: { primary: 0.01, shadow: 0.01 } });
    const ends = samples.map(({ knownAtS }) => knownAtS);
    expect(ends).toEqual(ends.toSorted((a, b) => a - b));
    expect(samples.every(({ sample, knownAtS }) => (sample.t0 - startMs) / 1_000 < knownAtS)).toBe(
      true,
    );
  });

  test.each(["primary", "shadow"] as const)("the %s lane fails as often as it says", (lane) => {
    const rates = { primary: 0.01, shadow: 0.06 };
    const failed = share(
      simulated({ errors: rates }),
      (sample) => legOf(sample, lane).class === "server_error",
    );
    expect(failed).toBeCloseTo(rates[lane], 2);
  });

  test("answers are cut in both lanes, and in one alone, as often as they say", () => {
    const samples = simulated({
      cutAnswers: { both: 0.1, primary: 0.05, shadow: 0.02 },
      errors: none,
    });
    const cut = (lane: "primary" | "shadow") => (sample: Sample) =>
      legOf(sample, lane).finish === "length";
    expect(share(samples, cut("primary"))).toBeCloseTo(0.15, 1);
    expect(share(samples, cut("shadow"))).toBeCloseTo(0.12, 1);
    expect(share(samples, (s) => cut("primary")(s) && cut("shadow")(s))).toBeCloseTo(0.1, 1);
  });

  test("a client that leaves has no first token, and its twin one only if it came in time", () => {
    const samples = simulated({ patienceMs: 500 });
    const left = samples.filter(({ sample }) => sample.primary.class === "client_cancelled");
    const stayed = samples.filter(({ sample }) => sample.primary.class === "ok");
    expect(left.length / samples.length).toBeCloseTo(0.08, 1);
    expect(left.every(({ sample }) => sample.primary.ttft === null)).toBe(true);
    expect(left.every(({ sample }) => (sample.shadow?.ttft ?? 0) <= 1_000)).toBe(true);
    expect(stayed.every(({ sample }) => (sample.primary.ttft ?? 0) <= 500)).toBe(true);
  });

  test("twins are lost at random, or just the slowest", () => {
    const random = simulated({ lost: { atRandom: 0.045, slowestRatio: Number.POSITIVE_INFINITY } });
    const slowest = simulated(
      { lost: { atRandom: 0, slowestRatio: 2.4 }, errors: none },
      someSlower(0.04, 4),
    );
    const isLost = ({ mirrored, shadow }: Sample) => mirrored && shadow === null;
    const ratios = slowest.map(
      ({ sample }) => (sample.shadow?.ttft ?? 0) / (sample.primary.ttft ?? 1),
    );
    expect(share(random, isLost)).toBeCloseTo(0.045, 2);
    expect(share(slowest, isLost)).toBeCloseTo(0.04, 2);
    expect(Math.max(...ratios)).toBeLessThan(2.4);
  });

  test("just as many requests are dropped as it says", () => {
    const dropped = simulated({ dropped: 200 }).filter(
      ({ sample }) => sample.drop === "concurrency",
    );
    expect(dropped).toHaveLength(200);
    expect(dropped.every(({ sample: { mirrored, shadow } }) => !mirrored && shadow === null)).toBe(
      true,
    );
  });

  test("a session is mirrored as a whole or not at all", () => {
    const sessions = { count: 2_000, logSd: 0.5, mirrored: 0.25, observed: 1, harm: 1 };
    const samples = simulated({ sessions });
    const lanes = new Map<string, Set<boolean>>();
    for (const { sample } of samples) {
      const name = sample.session ?? "";
      lanes.set(name, (lanes.get(name) ?? new Set()).add(sample.mirrored));
    }
    expect([...lanes.values()].every(({ size }) => size === 1)).toBe(true);
    expect(lanes.size).toBeGreaterThan(1_900);
    expect(share(samples, ({ mirrored }) => mirrored)).toBeCloseTo(0.25, 1);
  });
});

test("cells have names of their own", () => {
  const names = cells.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)]);
});

test("slo cells miss their limit in a tenth of the primary's requests, and the shadow as many more as they say", () => {
  const missed = ["equal, SLO", "margin of slo", "SLO missed by 5 points more"].map((name) => {
    const cell = cells.find((each) => each.name === `independent: ${name}`);
    const samples = simulated({ ...cell?.traffic, perSecond: 10, seconds: 6_000 }, cell?.truth);
    const limit = cell?.settings?.slo?.ttft ?? 0;
    const over = (lane: "primary" | "shadow") =>
      share(samples, (sample) => (legOf(sample, lane).ttft ?? 0) > limit);
    return [over("primary"), over("shadow")];
  });
  const rounded = missed.map((lanes) => lanes.map((rate) => Number(rate.toFixed(2))));
  expect(rounded).toEqual([
    [0.1, 0.1],
    [0.1, 0.11],
    [0.1, 0.15],
  ]);
});

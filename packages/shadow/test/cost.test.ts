import { describe, expect, test } from "@jest/globals";
import { type EvaluationFacts, evaluationConfig, type LaneFacts, type Sample } from "@umbra/shadow";
import { createRandom } from "@umbra/shadow/statistics";
import { describeCost } from "../src/judge/cost.ts";
import { discordanceP } from "../src/judge/discordance.ts";
import { partition } from "../src/judge/partition.ts";
import { leg, sample, traffic } from "./fixtures.ts";

const config = evaluationConfig({ horizonMs: 600_000, warmupMs: 0, slo: { ttft: 500 } });

function costOf(samples: readonly Sample[], facts: EvaluationFacts = {}) {
  const part = partition({ samples, config, facts });
  return describeCost({ table: part.table, part, facts, config, validity: [] });
}

const utilisation = { running: 3, waiting: 0.5, kv_cache: 0.4, readings: 600 };
const lane = (pool: string, more: Partial<LaneFacts>): LaneFacts => ({ pool, ...more });
/** Ten minutes, four pairs a second, 21 tokens each. */
const pairs = traffic({ seed: 1, pairs: 2_400, perSecond: 4 });

describe("describeCost", () => {
  test("lanes that are equal are equal, however much of the traffic is mirrored", () => {
    const { primary, shadow } = costOf(pairs, {
      baseline: lane("a", { replicas: 4, load: { requests: 9_600, seconds: 600, utilisation } }),
      candidate: lane("b", { replicas: 1, load: { requests: 2_400, seconds: 600, utilisation } }),
    });
    expect(primary.requests_per_s).toBe(16);
    expect([primary.per_replica, shadow.per_replica]).toEqual([
      { requests_per_s: 4, tokens_per_s: 84 },
      { requests_per_s: 4, tokens_per_s: 84 },
    ]);
    expect(primary.utilisation).toEqual(utilisation);
  });

  test("samples alone do not say what the primary carried", () => {
    const { primary, shadow } = costOf(pairs, {
      baseline: lane("a", { replicas: 4 }),
      candidate: lane("b", { replicas: 1 }),
    });
    expect([primary.requests_per_s, primary.per_replica]).toEqual([null, null]);
    expect(shadow.requests_per_s).toBeCloseTo(4, 1);
  });

  test("GPUs and prices are of a replica", () => {
    const load = { requests: 2_400, seconds: 600, utilisation: null };
    const facts = { candidate: lane("b", { replicas: 2, gpus: 4, costPerHour: 10, load }) };
    const { shadow, mirroring } = costOf(pairs, { ...facts, nowMs: (pairs[0]?.t0 ?? 0) + 600_000 });
    expect(shadow.per_gpu).toEqual({ requests_per_s: 0.5, tokens_per_s: 10.5 });
    expect(shadow.cost_per_million_tokens).toBeCloseTo((20 / 3_600 / 84) * 1e6, 9);
    expect(mirroring.gpu_hours).toBeCloseTo(8 / 6, 9);
    expect(mirroring.cost).toBeCloseTo(20 / 6, 9);
    expect(mirroring).toMatchObject({
      requests: 2_400,
      prompt_tokens: 120_000,
      output_tokens: 50_400,
    });
  });

  test("replicas for the peak: what one carried, while it kept the SLO", () => {
    const facts = { peakPerSecond: 20, candidate: lane("b", { replicas: 1 }) };
    expect(costOf(pairs, facts).replicas_needed).toMatchObject({
      estimate: expect.closeTo(5, 2),
      basis: "demand",
      peak_requests_per_s: 20,
    });
  });

  test("a shadow that misses the SLO in its busy minutes carries what it did in the others", () => {
    const busy = pairs.flatMap((each, i) => {
      const isBusy = Math.floor(i / 240) % 2 === 1;
      const slow = { ...each, shadow: leg({ ttft: 2_000 }) };
      return isBusy
        ? [slow, { ...slow, id: `${each.id}b` }, { ...slow, id: `${each.id}c` }]
        : [each];
    });
    const facts = { peakPerSecond: 20, candidate: lane("b", { replicas: 1 }) };
    expect(costOf(busy, facts).replicas_needed).toMatchObject({
      basis: "capacity",
      per_replica: expect.closeTo(4, 1),
    });
  });

  test("SLO misses are counted for all traffic", () => {
    const slow = pairs.map((each, i) =>
      i % 20 === 0
        ? { ...each, shadow: leg({ ttft: 2_000 }) }
        : { ...each, primary: leg(), shadow: leg() },
    );
    const counts = { eligible: 24_000, sampled: 2_400, dispatched: 2_400, dropped: {} };
    const found = costOf(slow, { counts, nowMs: (slow[0]?.t0 ?? 0) + 600_000 }).slo_misses_per_hour;
    expect(found).toMatchObject({
      requests_per_hour: 144_000,
      shadow: { estimate: 7_200, lower: expect.any(Number) },
    });
    expect(costOf(slow).slo_misses_per_hour).toBeNull();
  });
});

describe("discordanceP", () => {
  test("an outage is one event, and not as many as it has errors", () => {
    const bad = leg({ class: "server_error", ttft: null });
    const samples = pairs.map((each, i) => (i >= 900 && i < 940 ? { ...each, shadow: bad } : each));
    const { table } = partition({ samples, config });
    expect(discordanceP(table, config)).toBeGreaterThan(0.05);
  });

  test("errors at any time are distinguished from none", () => {
    const random = createRandom(3);
    const bad = leg({ class: "server_error", ttft: null });
    const samples = pairs.map((each) => (random.unit() < 0.03 ? { ...each, shadow: bad } : each));
    const { table } = partition({ samples, config });
    expect(discordanceP(table, config)).toBeLessThan(0.001);
  });

  test("no pairs have none", () => {
    expect(discordanceP(partition({ samples: [], config }).table, config)).toBeNull();
    expect(sample(0).mirrored).toBe(true);
  });
});

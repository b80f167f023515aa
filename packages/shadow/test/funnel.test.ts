import { describe, expect, test } from "@jest/globals";
import { type EvaluationFacts, evaluationConfig, judge, type Sample } from "@umbra/shadow";
import { lossesOf } from "../src/render/run-words.ts";
import { traffic } from "./fixtures.ts";

const startedAtMs = Date.UTC(2026, 0, 1);
const config = evaluationConfig({ horizonMs: 600_000, warmupMs: 0, slo: { ttft: 500 } });
const pairs = traffic({ seed: 1, pairs: 400, perSecond: 4 });
const late = { startedAtMs, nowMs: startedAtMs + 120_000 };

function reportOf(samples: readonly Sample[], facts: EvaluationFacts) {
  return judge({ samples, config, facts: { ...late, ...facts }, isBrief: true });
}

describe("counts of the process and of the samples", () => {
  const counts = { eligible: 500, sampled: 420, dispatched: 410, dropped: { concurrency: 10 } };

  test("without a restart the process knows more", () => {
    const { funnel, cost } = reportOf(pairs, { counts });
    expect(funnel).toMatchObject({ ...counts, paired: 400, in_flight: 10 });
    expect(cost?.mirroring.requests).toBe(410);
    expect(cost?.slo_misses_per_hour).toMatchObject({
      requests_per_hour: expect.closeTo(15_000, 6),
    });
  });

  test("after a restart the samples do, and nothing is given per hour", () => {
    const few = { eligible: 50, sampled: 50, dispatched: 50, dropped: { rate: 3, size: 1 } };
    const dropped = pairs.map((each, i) =>
      i % 100 === 0 ? { ...each, mirrored: false, shadow: null, drop: "rate" as const } : each,
    );
    const { funnel, cost } = reportOf(dropped, { counts: few });
    expect(funnel).toMatchObject({
      ...{ eligible: 400, sampled: 400, dispatched: 396, paired: 396, in_flight: 0 },
      dropped: { rate: 4, size: 1 },
    });
    expect(cost?.mirroring.requests).toBe(396);
    expect(cost?.slo_misses_per_hour).toBeNull();
  });

  test("twins that were not measured have a count of their own", () => {
    const some = pairs.map((each, i) =>
      i % 100 === 0
        ? { ...each, shadow: null, unmeasured: true }
        : i % 100 === 1
          ? { ...each, shadow: null }
          : each,
    );
    const { funnel } = reportOf(some, {});
    expect(funnel).toMatchObject({ dispatched: 400, paired: 392, lost: 4, unmeasured: 4 });
  });

  test("twins that were never sent are not counted with lost ones", () => {
    const twins = [{}, { shadow: null }, { shadow: null, unsent: true }, {}];
    const some = pairs.map((each, i) => ({ ...each, ...twins[i % 4] }));
    const leftOut = { paired: 4, lost: 3, unsent: 2, unmeasured: 1 };
    const { funnel } = reportOf(some, { leftOut });
    expect(funnel).toMatchObject({ dispatched: 410, paired: 204, lost: 103, unsent: 102 });
    expect(lossesOf(funnel).map(({ where, total }) => [where, total])).toEqual(
      expect.arrayContaining([
        ["no shadow response", 103],
        ["never sent to the shadow", 102],
        ["no room to measure the shadow", 1],
      ]),
    );
  });

  test("twins that were lost or never sent are not what the shadow answered", () => {
    const half = pairs.map((each, i) =>
      i % 2 === 0 ? { ...each, shadow: null, ...(i % 4 === 0 ? { unsent: true } : {}) } : each,
    );
    const candidate = { pool: "b", replicas: 1 };
    const { cost } = reportOf(half, { candidate });
    expect(cost?.shadow.requests_per_s).toBeCloseTo(200 / 120, 9);
  });
});

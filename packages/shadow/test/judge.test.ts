import { describe, expect, test } from "@jest/globals";
import {
  type EvaluationInput,
  type EvaluationSettings,
  evaluationConfig,
  judge,
  type Sample,
  type ShadowReport,
} from "@umbra/shadow";
import { gateIds } from "@umbra/shadow/internal";
import { createRandom } from "@umbra/shadow/statistics";
import fc from "fast-check";
import { leg, sample, traffic } from "./fixtures.ts";

/** 2,400 pairs in ten minutes. */
const usual = { pairs: 2_400, perSecond: 4 };
const settings: EvaluationSettings = { horizonMs: 599_000, minPairs: 2_000, warmupMs: 0 };

function run(
  samples: readonly Sample[],
  more: EvaluationSettings = {},
  input: Partial<EvaluationInput> = {},
): ShadowReport {
  return judge({ samples, config: evaluationConfig({ ...settings, ...more }), ...input });
}

const gate = (report: ShadowReport, id: string) => report.gates.find((each) => each.id === id);
const check = (report: ShadowReport, id: string) => report.validity.find((each) => each.id === id);

describe("evaluationConfig", () => {
  test("takes the limits of a preset, overridden by given ones", () => {
    expect(evaluationConfig({ sloPreset: "llama2-70b" }).slo).toEqual({ ttft: 2_000, tpot: 200 });
    const { slo } = evaluationConfig({ sloPreset: "llama2-70b", slo: { tpot: 50, e2e: 9_000 } });
    expect(slo).toEqual({ ttft: 2_000, tpot: 50, e2e: 9_000 });
  });

  test("takes over nothing that is no part of a configuration", () => {
    const policy = { minPairs: 300, observeUnmirroredPercent: 10 };
    expect(evaluationConfig(policy)).toEqual(evaluationConfig({ minPairs: 300 }));
  });
});

describe("verdict", () => {
  test("equal lanes pass", () => {
    const report = run(traffic({ seed: 1, ...usual }));
    expect(report.verdict.status).toBe("PASS");
    expect(report.gates.filter(({ required }) => required).map(({ status }) => status)).toEqual(
      Array.from({ length: 9 }, () => "PASS"),
    );
  });

  test("a shadow slower by a quarter fails, and the reason says by how much", () => {
    const report = run(traffic({ seed: 2, ...usual, ratio: 1.25 }));
    expect(report.verdict.status).toBe("FAIL");
    expect(report.verdict.reasons[0]).toMatchObject({ code: "gate_failed", gate: "ttft.typical" });
    expect(report.verdict.reasons[0]?.text).toMatch(
      /^ttft\.typical \+2\d\.\d % .* exceeds the \+10\.0 % margin/,
    );
  });

  test("a shadow that answers 2 % of requests with errors fails", () => {
    const report = run(traffic({ seed: 3, ...usual, shadowErrors: 0.02 }));
    expect(report.verdict).toMatchObject({ status: "FAIL", reasons: [{ gate: "errors" }] });
    expect(report.errors.matrix).toContainEqual(["ok", "server_error", expect.any(Number)]);
  });

  test("too few pairs are inconclusive, never a pass", () => {
    const report = run(traffic({ seed: 4, pairs: 150, perSecond: 0.24 }));
    expect(report.verdict.status).toBe("INCONCLUSIVE");
    expect(report.verdict.reasons.map(({ code }) => code)).toContain("too_few_pairs");
  });

  test("no pairs at all are inconclusive", () => {
    const report = run([]);
    expect(report.verdict.status).toBe("INCONCLUSIVE");
    expect(JSON.stringify(report)).not.toMatch(/NaN|Infinity/);
  });

  test("before the planned end nothing passes, but a clear failure fails", () => {
    const early = { horizonMs: 3_600_000 };
    const equal = run(traffic({ seed: 5, ...usual }), early);
    expect(equal.verdict.status).toBe("INCONCLUSIVE");
    expect(gate(equal, "ttft.typical")).toMatchObject({
      status: "INCONCLUSIVE",
      reason: { code: "at_end", text: "within the margin so far; judged at the planned end" },
    });
    expect(gate(equal, "ttft.p90")).toMatchObject({
      status: "INCONCLUSIVE",
      reason: { code: "at_end" },
    });
    expect(equal.verdict.next.eta_s).toBeGreaterThan(2_900);
    expect(run(traffic({ seed: 5, ...usual, ratio: 1.4 }), early).verdict.status).toBe("FAIL");
  });

  test("with half of the twins lost the verdict is INVALID, whatever the gates say", () => {
    const samples = traffic({ seed: 6, ...usual }).map((each, index) =>
      index % 2 === 0 ? { ...each, shadow: null } : each,
    );
    const report = run(samples);
    expect(report.verdict).toMatchObject({
      status: "INVALID",
      reasons: [{ code: "check_pairing_rate" }],
    });
    expect(report.funnel).toMatchObject({ dispatched: 2_400, paired: 1_200, used: 1_200 });
  });

  test("a different load per replica prevents a PASS, unless it is allowed", () => {
    const samples = traffic({ seed: 7, ...usual });
    const facts = { loadRatio: 2 };
    expect(run(samples, {}, { facts }).verdict.status).toBe("INCONCLUSIVE");
    expect(run(samples, { allowsLoadMismatch: true }, { facts }).verdict.status).toBe("PASS");
  });

  test("a spent budget is a planned end, too", () => {
    const samples = traffic({ seed: 8, ...usual });
    const facts = { isBudgetSpent: true };
    expect(run(samples, { horizonMs: 3_600_000 }, { facts }).verdict.status).toBe("PASS");
  });
});

describe("gates", () => {
  test("all there are, as the table of defaults has them", () => {
    const mixed = traffic({ seed: 9, ...usual }).map((each, i) =>
      i % 3 === 0 ? whole(each) : each,
    );
    const report = run(mixed, { slo: { ttft: 500 } });
    expect(report.gates.map(({ id }) => id)).toEqual([...gateIds]);
  });

  test("equal data pass with an interval of no width", () => {
    const report = run(Array.from({ length: 2_400 }, (_, i) => sample(i * 250)));
    expect(report.verdict.status).toBe("PASS");
    expect(gate(report, "ttft.typical")).toMatchObject({
      estimate: 1,
      interval: { lower: 1, upper: 1 },
    });
    expect(gate(report, "ttft.p99")).toMatchObject({
      estimate: 1,
      interval: { lower: 1, upper: 1 },
    });
  });

  test("a lost SLO is found even where the typical request is as fast", () => {
    const samples = traffic({ seed: 11, ...usual, spread: 0.05 }).map((each, i) =>
      i % 20 === 0 ? { ...each, shadow: leg({ ttft: 5_000, e2e: 5_400 }) } : each,
    );
    const report = run(samples, { slo: { ttft: 2_000 } });
    expect(gate(report, "slo")).toMatchObject({ status: "FAIL" });
    expect(report.verdict.reasons.map((reason) => reason.gate)).toContain("slo");
  });

  test("answers that are longer fail only where the model is the same", () => {
    const samples = traffic({ seed: 12, ...usual }).map((each) => ({
      ...each,
      shadow: each.shadow === null ? null : { ...each.shadow, outTokens: 30 },
    }));
    expect(run(samples).verdict.status).toBe("PASS");
    const same = run(samples, { isSameModel: true });
    expect(same.verdict).toMatchObject({ status: "FAIL", reasons: [{ gate: "length" }] });
  });

  test("the control lane takes the mirror's own cost out", () => {
    // Everything mirrored is 30 % slower, whichever model: only the control shows that.
    const shadow = traffic({ seed: 13, ...usual, ratio: 1.3 });
    const control = traffic({ seed: 13, ...usual, ratio: 1.3 }).map((each) => ({
      ...each,
      candidate: "default/control",
    }));
    expect(run(shadow).verdict.status).toBe("FAIL");
    const facts = { control: { pool: "default/control" } };
    const report = run(shadow, {}, { control, facts });
    expect(report.verdict.status).toBe("PASS");
    expect(report.control?.pool).toBe("default/control");
  });

  test("tokens that are counted in two ways are compared by characters", () => {
    const samples = traffic({ seed: 14, ...usual }).map((each) => ({
      ...each,
      primary: { ...each.primary, tokenSource: "chunks" as const, tpot: 1, tpoc: 5 },
      shadow: each.shadow === null ? null : { ...each.shadow, tpoc: 5 },
    }));
    expect(gate(run(samples), "tpot.typical")).toMatchObject({ estimate: 1, status: "PASS" });
  });

  test("a margin is a ratio's or a rate's, and its change is another evaluation", () => {
    const samples = traffic({ seed: 15, ...usual });
    const [first, second] = [
      run(samples),
      run(samples, { gates: { "ttft.typical": { margin: 0.2 } } }),
    ];
    expect(gate(first, "ttft.typical")?.margin).toBeCloseTo(1.1, 12);
    expect(gate(second, "ttft.typical")?.margin).toBeCloseTo(1.2, 12);
    expect(first.evaluation.config_sha256).not.toBe(second.evaluation.config_sha256);
    expect(first.evaluation.id).not.toBe(second.evaluation.id);
  });
});

describe("validity", () => {
  const equal = traffic({ seed: 16, ...usual });
  const cases = [
    {
      name: "own drops",
      id: "own_drops",
      samples: equal.map((each, i) =>
        i % 10 === 0
          ? { ...each, mirrored: false, drop: "concurrency" as const, shadow: null }
          : each,
      ),
    },
    {
      name: "drops of long prompts",
      id: "drop_bias",
      samples: equal.map((each, i) =>
        i % 25 === 0
          ? {
              ...each,
              mirrored: false,
              drop: "concurrency" as const,
              shadow: null,
              primary: { ...each.primary, promptBytes: 4_000 },
            }
          : each,
      ),
    },
    {
      name: "a primary that mirroring slows",
      id: "primary_protection",
      samples: equal.flatMap((each) => [
        { ...each, primary: { ...each.primary, ttft: (each.primary.ttft ?? 0) * 1.2 } },
        { ...each, id: `${each.id}u`, mirrored: false, shadow: null },
      ]),
    },
  ];
  test.each(cases)("$name make it invalid", ({ id, samples }) => {
    const report = run(samples);
    expect(check(report, id)?.ok).toBe(false);
    expect(report.verdict.status).toBe("INVALID");
    expect(report.verdict.reasons.map(({ code }) => code)).toContain(`check_${id}`);
  });

  test("warm-up, retries and cancelled requests are left out of latency", () => {
    const samples = equal.map((each, i) => {
      if (i < 300) return { ...each, shadow: leg({ ttft: 9_000 }) };
      if (i % 10 === 1) return { ...each, shadow: leg({ ttft: 9_000, attempts: 2 }) };
      if (i % 10 === 2) {
        return { ...each, primary: leg({ class: "client_cancelled", e2e: null, tpot: null }) };
      }
      return each;
    });
    const report = run(samples, { warmupMs: 75_000, minPairs: 1_500 });
    expect(report.verdict.status).toBe("PASS");
    expect(report.funnel).toMatchObject({ used: 1_680, censored: { client_cancelled: 210 } });
  });
});

describe("properties", () => {
  test("swapping the lanes inverts the ratios", () => {
    const samples = traffic({ seed: 18, ...usual, ratio: 1.07 });
    const swapped = samples.map((each) => ({
      ...each,
      primary: each.shadow ?? leg(),
      shadow: each.primary,
    }));
    const [there, back] = [run(samples), run(swapped)];
    for (const id of ["ttft.typical", "tpot.typical", "e2e.typical", "ttft.p90"]) {
      const [a, b] = [gate(there, id), gate(back, id)];
      expect(1 / (b?.estimate ?? 0)).toBeCloseTo(a?.estimate ?? 0, 9);
    }
    expect(1 / (gate(back, "ttft.typical")?.interval?.upper ?? 0)).toBeCloseTo(
      gate(there, "ttft.typical")?.interval?.lower ?? 0,
      9,
    );
  });

  test("a change of unit changes no ratio", () => {
    const samples = traffic({ seed: 19, ...usual, ratio: 1.02 });
    const scale = (each: Sample["primary"]) => ({
      ...each,
      ttft: (each.ttft ?? 0) * 1_000,
      tpot: (each.tpot ?? 0) * 1_000,
      e2e: (each.e2e ?? 0) * 1_000,
    });
    const scaled = samples.map((each) => ({
      ...each,
      primary: scale(each.primary),
      shadow: scale(each.shadow ?? leg()),
    }));
    const bounds = (report: ShadowReport) =>
      report.gates.map(({ id, interval }) => [
        id,
        interval?.lower?.toFixed(9),
        interval?.upper?.toFixed(9),
      ]);
    expect(bounds(run(scaled))).toEqual(bounds(run(samples)));
  });

  test("the order inside a block does not matter to the typical ratio", () => {
    const samples = traffic({ seed: 20, ...usual });
    const random = createRandom(1);
    // Ten seconds' pairs change their places in time among each other.
    const shuffled = samples.map((each) => ({
      ...each,
      t0: Math.floor(each.t0 / 10_000) * 10_000 + random.below(10_000),
    }));
    shuffled.splice(0, 1, { ...(samples[0] ?? sample(0)) });
    const [a, b] = [gate(run(samples), "ttft.typical"), gate(run(shuffled), "ttft.typical")];
    expect(b?.interval?.lower).toBeCloseTo(a?.interval?.lower ?? 0, 9);
    expect(b?.interval?.upper).toBeCloseTo(a?.interval?.upper ?? 0, 9);
  });

  test("every report is whole and finite, and a pass has enough pairs", () => {
    const value = fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }));
    const anyLeg = fc
      .record({
        ttft: value,
        tpot: value,
        e2e: value,
        outTokens: value,
        promptTokens: value,
        promptBytes: value,
        class: fc.constantFrom("ok", "server_error", "client_cancelled", "empty", null),
        stream: fc.option(fc.boolean()),
        tokenSource: fc.constantFrom("usage", "chunks", null),
      })
      .map((fields) => leg(fields as Parameters<typeof leg>[0]));
    const anySample = fc
      .record({
        at: fc.nat(400_000),
        primary: anyLeg,
        shadow: fc.option(anyLeg),
        mirrored: fc.boolean(),
        drop: fc.constantFrom(null, "size", "concurrency"),
      })
      .map(({ at, ...more }) => sample(at, more as Partial<Sample>));
    fc.assert(
      fc.property(fc.array(anySample, { maxLength: 120 }), (samples) => {
        const report = run(samples, { slo: { ttft: 500 } });
        expect(JSON.parse(JSON.stringify(report))).toEqual(report);
        expect(report.verdict.status).not.toBe("PASS");
      }),
      { numRuns: 60 },
    );
  });
});

/** The same pair without a stream. `factor`: on the shadow's time. */
function whole(each: Sample, factor = 1): Sample {
  const plain = { stream: false, ttft: null, ttfo: null, tpot: null };
  const { primary, shadow } = each;
  return {
    ...each,
    primary: { ...primary, ...plain },
    shadow: shadow === null ? null : { ...shadow, ...plain, e2e: (shadow.e2e ?? 0) * factor },
  };
}

import { describe, expect, test } from "@jest/globals";
import {
  type EvaluationFacts,
  type EvaluationSettings,
  evaluationConfig,
  judge,
  type Sample,
  type ShadowReport,
} from "@umbra/shadow";
import { settled } from "../src/judge/stages.ts";
import type { Interval } from "../src/report/shadow-report.ts";
import { leg, traffic } from "./fixtures.ts";

/** 2,400 pairs in ten minutes. */
const usual = { pairs: 2_400, perSecond: 4 };
const settings: EvaluationSettings = { horizonMs: 599_000, minPairs: 2_000, warmupMs: 0 };
const startedAtMs = Date.UTC(2026, 0, 1);

function run(
  samples: readonly Sample[],
  more: EvaluationSettings = {},
  facts: EvaluationFacts = {},
): ShadowReport {
  const config = evaluationConfig({ ...settings, ...more });
  return judge({ samples, config, facts, isBrief: true });
}

const gate = (report: ShadowReport, id: string) => report.gates.find((each) => each.id === id);

const plain = { stream: false, ttft: null, ttfo: null, tpot: null };

/** Every pair for which `isWhole` holds without its stream; the shadow then takes `factor` times as long. */
function without(
  samples: readonly Sample[],
  isWhole: (index: number) => boolean,
  factor = 1,
): readonly Sample[] {
  return samples.map((each, i) => {
    if (!isWhole(i) || each.shadow === null) return each;
    const { primary, shadow } = each;
    const e2e = (shadow.e2e ?? 0) * factor;
    return { ...each, primary: { ...primary, ...plain }, shadow: { ...shadow, ...plain, e2e } };
  });
}

const failing = leg({ status: 500, class: "server_error", ttft: null, tpot: null, e2e: null });

describe("answers that do not stream", () => {
  test("have gates of their own: a shadow that takes five times as long fails", () => {
    const report = run(without(traffic({ seed: 21, ...usual }), () => true, 5));
    expect(report.verdict.status).toBe("FAIL");
    expect(report.verdict.reasons.map((reason) => reason.gate)).toEqual([
      "whole.typical",
      "whole.p90",
      "whole.p99",
    ]);
  });

  test("fail next to streams that are equal", () => {
    const report = run(without(traffic({ seed: 22, ...usual }), (i) => i % 3 > 0, 3));
    expect(report.verdict.status).toBe("FAIL");
    expect(gate(report, "ttft.typical")?.status).toBe("PASS");
  });

  test("pass where they are equal", () => {
    const report = run(without(traffic({ seed: 23, ...usual, spread: 0.1 }), () => true));
    expect(report.verdict.status).toBe("PASS");
    expect(report.gates.some(({ id }) => id.startsWith("ttft"))).toBe(false);
  });

  test("are compared per token as well, unless the model is the same", () => {
    const samples = without(traffic({ seed: 24, ...usual }), () => true).map((each) => ({
      ...each,
      shadow: leg({ ...each.shadow, outTokens: 42, e2e: 2 * (each.shadow?.e2e ?? 0) }),
    }));
    const report = run(samples);
    expect(gate(report, "whole.typical")?.estimate).toBeCloseTo(2, 1);
    expect(gate(report, "whole.per_token")?.estimate).toBeCloseTo(1, 1);
    expect(gate(run(samples, { isSameModel: true }), "whole.per_token")).toBe(undefined);
  });
});

describe("what is not judged", () => {
  test("a p99 of too few pairs of an ordinary kind keeps from a PASS", () => {
    const samples = without(traffic({ seed: 25, ...usual, spread: 0.1 }), (i) => i % 3 > 0);
    const report = run(samples);
    expect(gate(report, "ttft.p99")).toMatchObject({
      status: "INCONCLUSIVE",
      reason: { code: "too_few_pairs", has: 800, needs: 1_000 },
    });
    expect(report.verdict).toMatchObject({ status: "INCONCLUSIVE", not_judged: [] });
  });

  test("gates of a rare kind are left out, all of them, and the headline says so", () => {
    const samples = without(traffic({ seed: 26, ...usual, spread: 0.1 }), (i) => i % 25 > 0);
    const report = run(samples);
    const left = ["ttft.typical", "ttft.p90", "ttft.p99", "tpot.typical", "tpot.p99"];
    expect(report.verdict.status).toBe("PASS");
    expect(
      report.verdict.not_judged.filter(({ required }) => required).map((each) => each.gate),
    ).toEqual(left);
    expect(report.verdict.required).toEqual({ gates: 12, passed: 7 });
    expect(report.verdict.reasons[0]?.text).toMatch(
      /^7 of 12 required gates are within their margins; not judged: ttft\.typical \(needs 200 pairs, has 96, and only 4\.0 %/,
    );
  });

  test("streams of one token have no time per token, and pass without it", () => {
    const samples = traffic({ seed: 26, ...usual, spread: 0.1 }).map((each) => ({
      ...each,
      primary: { ...each.primary, tpot: null, outTokens: 1 },
      shadow: leg({ ...each.shadow, tpot: null, outTokens: 1 }),
    }));
    const report = run(samples);
    expect(report.verdict.status).toBe("PASS");
    const left = report.verdict.not_judged.map((each) => each.gate);
    expect(left).toEqual(["tpot.typical", "tpot.p99"]);
  });

  test("with `requiresAll` they keep from a PASS", () => {
    const samples = without(traffic({ seed: 26, ...usual, spread: 0.1 }), (i) => i % 25 > 0);
    const report = run(samples, { requiresAll: true });
    expect(report.verdict.status).toBe("INCONCLUSIVE");
    expect(report.verdict.reasons.map(({ code }) => code)).toContain("gate_not_judged");
  });
});

describe("twins that never come", () => {
  const lost = (share: number, seed: number) =>
    traffic({ seed, ...usual, spread: 0.1 }).map((each, i) =>
      i % Math.round(1 / share) === 0 ? { ...each, shadow: null } : each,
    );

  test("are bad legs of the shadow: 4 % of them fail", () => {
    const report = run(lost(0.04, 27));
    expect(report.verdict.status).toBe("FAIL");
    expect(gate(report, "errors")).toMatchObject({
      status: "FAIL",
      events: { primary: 0, shadow: 96 },
    });
    expect(report.funnel).toMatchObject({ lost: 96, paired: 2_304 });
  });

  test("are infinitely late: a p99 that they reach is unbounded, and fails", () => {
    const p99 = gate(run(lost(0.04, 28)), "ttft.p99");
    expect(p99).toMatchObject({ status: "FAIL", shadow: null, interval: { upper: null } });
  });

  test("have no part in gates where the gateway never sent them, and count as unsent, not as lost", () => {
    const samples = lost(0.04, 29).map((each) =>
      each.shadow === null ? { ...each, unsent: true } : each,
    );
    const report = run(samples);
    expect(gate(report, "errors")).toMatchObject({ status: "PASS", events: { shadow: 0 } });
    const lostCount = samples.filter(({ shadow }) => shadow === null).length;
    expect(report.funnel).toMatchObject({ lost: 0, unsent: lostCount });
    const pairing = report.validity.find(({ id }) => id === "pairing_rate");
    expect(pairing?.value).toBeLessThan(0.97);
  });
});

describe("clients that leave early", () => {
  /** The primary's client leaves after `patienceMs` without a token; half a second later the copy is cut off. */
  const impatient = (patienceMs: number) =>
    traffic({ seed: 30, ...usual, spread: 0.2 }).map((each) => {
      if ((each.primary.ttft ?? 0) <= patienceMs || each.shadow === null) return each;
      const cut = { ttft: null, ttfo: null, tpot: null, e2e: null };
      const isSeen = (each.shadow.ttft ?? 0) <= patienceMs + 500;
      return {
        ...each,
        primary: leg({ ...cut, class: "client_cancelled" }),
        shadow: leg({ ...cut, class: "propagated_cancel", ttft: isSeen ? each.shadow.ttft : null }),
      };
    });

  test("do not fail equal lanes: a tail that they hide is not known", () => {
    const report = run(impatient(350));
    expect(gate(report, "ttft.p99")).toMatchObject({
      status: "INCONCLUSIVE",
      reason: { code: "cut_short" },
    });
    expect(report.verdict.status).toBe("INCONCLUSIVE");
  });

  test("count once for each pair, and what is known is shown", () => {
    const cut = { ttft: null, ttfo: null, tpot: null, e2e: null };
    const samples = traffic({ seed: 30, ...usual, spread: 0.1 }).map((each, i) =>
      i % 12 > 0
        ? each
        : {
            ...each,
            primary: leg({ ...cut, class: "client_cancelled" }),
            shadow: leg({ ...cut, class: "propagated_cancel" }),
          },
    );
    const p99 = gate(run(samples), "ttft.p99");
    expect(p99?.reason).toMatchObject({ code: "cut_short", has: 1 / 12 });
    expect(p99?.reason?.text).toMatch(/^8\.3 % of the answers/);
    expect(p99?.primary).toBeGreaterThan(100);
    expect(p99?.estimate).toBeCloseTo(1, 0);
  });

  test("are no reason where too few pairs are", () => {
    const cut = { ttft: null, ttfo: null, tpot: null, e2e: null };
    const samples = traffic({ seed: 30, ...usual, spread: 3 }).map((each, i) =>
      i === 100 ? { ...each, primary: leg({ ...cut, class: "client_cancelled" }) } : each,
    );
    expect(gate(run(samples), "ttft.p99")?.reason).toMatchObject({ code: "too_close" });
  });

  test("after the first token change nothing about it", () => {
    const samples = traffic({ seed: 31, ...usual }).map((each, i) => {
      if (i % 5 > 0 || each.shadow === null) return each;
      const cut = { tpot: null, e2e: null };
      return {
        ...each,
        primary: { ...each.primary, ...cut, class: "client_cancelled" as const },
        shadow: { ...each.shadow, ...cut, class: "propagated_cancel" as const },
      };
    });
    const report = run(samples, { minPairs: 1_500 });
    expect(gate(report, "ttft.typical")?.n).toBe(2_400);
    expect(gate(report, "ttft.p99")?.status).toBe("PASS");
  });
});

describe("rates", () => {
  /** The shadow fails everything for `seconds`. */
  const outage = (fromS: number, seconds: number) =>
    traffic({ seed: 32, ...usual, spread: 0.1 }).map((each, i) =>
      i >= fromS * 4 && i < (fromS + seconds) * 4 ? { ...each, shadow: failing } : each,
    );

  test("one burst of errors does not fail, and is named", () => {
    const report = run(outage(120, 20));
    expect(gate(report, "errors")).toMatchObject({
      status: "INCONCLUSIVE",
      events: { shadow: 80, burst: { events: 80, seconds: 19.75 } },
    });
    expect(report.verdict.reasons.map(({ text }) => text).join("\n")).toContain(
      "80 of 80 came in one burst of 20 s",
    );
  });

  test("errors that last fail", () => {
    const report = run(traffic({ seed: 33, ...usual, shadowErrors: 0.03 }));
    expect(gate(report, "errors")).toMatchObject({ status: "FAIL", events: { burst: null } });
  });

  test("a shadow that fails everything does so in two minutes, one that fails briefly does not", () => {
    const later = { horizonMs: 3_600_000 };
    const broken = traffic({ seed: 34, pairs: 520, perSecond: 4, shadowErrors: 1 });
    expect(run(broken, later).verdict).toMatchObject({ status: "FAIL", final: { stage: 1 } });
    const brief = outage(0, 30).slice(0, 520);
    expect(run(brief, later).verdict.status).toBe("INCONCLUSIVE");
  });

  test("a margin is at least a tenth of the primary's rate", () => {
    const samples = traffic({ seed: 35, ...usual, spread: 0.1 }).map((each, i) => ({
      ...each,
      primary: { ...each.primary, finish: i % 5 === 0 ? "length" : "stop" },
      shadow: leg({ ...each.shadow, finish: i % 5 === 0 ? "length" : "stop" }),
    }));
    expect(gate(run(samples), "finish.length")).toMatchObject({ required: false, status: "PASS" });
    expect(gate(run(samples), "finish.length")?.margin).toBeCloseTo(0.02, 9);
    expect(gate(run(samples, { isSameModel: true }), "finish.length")?.required).toBe(true);
  });

  test("pairs twice as slow on one lane are counted against those on the other", () => {
    const samples = traffic({ seed: 36, ...usual, spread: 0.1 }).map((each, i) =>
      i % 20 === 0
        ? { ...each, shadow: leg({ ...each.shadow, ttft: 3 * (each.primary.ttft ?? 0) }) }
        : each,
    );
    const report = run(samples);
    expect(gate(report, "ttft.worse")).toMatchObject({ status: "FAIL", required: false });
    expect(gate(report, "ttft.worse")?.estimate).toBeCloseTo(0.05, 3);
  });

  test("answers after more than ten seconds are counted, however rare", () => {
    const samples = traffic({ seed: 37, ...usual, spread: 0.1 }).map((each, i) =>
      i % 100 === 0 ? { ...each, shadow: leg({ ttft: 30_000, e2e: 31_000 }) } : each,
    );
    expect(gate(run(samples), "ttft.very_slow")).toMatchObject({
      events: { primary: 0, shadow: 24 },
    });
  });
});

describe("the first analysis at the planned end", () => {
  const lookAt = (samples: readonly Sample[], seconds: number, earlier?: ShadowReport) => {
    const nowMs = startedAtMs + seconds * 1_000;
    const known = samples.filter(({ t0 }) => t0 <= nowMs);
    return run(known, {}, { startedAtMs, nowMs, ...(earlier === undefined ? {} : { earlier }) });
  };
  const worseLater = traffic({ seed: 38, pairs: 9_600, perSecond: 4, spread: 0.1 }).map(
    (each, i) => (i < 2_400 ? each : { ...each, shadow: failing }),
  );

  test("is the verdict: what comes later does not change it", () => {
    const first = lookAt(worseLater, 600);
    expect(first.verdict).toMatchObject({
      status: "PASS",
      final: { at: "2026-01-01T00:10:00.000Z", stage: 1 },
    });
    expect(lookAt(worseLater, 630, first)).toBe(first);
    expect(lookAt(worseLater, 2_400, first)).toBe(first);
  });

  const tooNoisy = traffic({ seed: 39, pairs: 9_600, perSecond: 4, spread: 2.6 });

  test("is followed by a second stage at twice the time, with its own error", () => {
    const first = lookAt(tooNoisy, 600);
    expect(first.verdict).toMatchObject({ status: "INCONCLUSIVE", final: { stage: 1 } });
    expect(gate(first, "ttft.typical")?.interval?.level).toBeCloseTo(0.9, 9);
    expect(lookAt(tooNoisy, 1_000, first)).toBe(first);
    const second = lookAt(tooNoisy, 1_200, first);
    expect(second.verdict.final).toEqual({ at: "2026-01-01T00:20:00.000Z", stage: 2 });
    expect(gate(second, "ttft.typical")?.interval?.level).toBeCloseTo(0.975, 9);
  });

  test("keeps a FAIL that was found before, with its time", () => {
    const recovers = traffic({ seed: 40, ...usual, spread: 0.1 }).map((each, i) =>
      i < 1_200
        ? { ...each, shadow: leg({ ...each.shadow, ttft: 1.5 * (each.shadow?.ttft ?? 0) }) }
        : { ...each, shadow: leg({ ...each.shadow, ttft: 0.6 * (each.shadow?.ttft ?? 0) }) },
    );
    const early = lookAt(recovers, 300);
    expect(early.verdict).toMatchObject({
      status: "FAIL",
      final: { at: "2026-01-01T00:05:00.000Z", stage: 1 },
    });
    const end = lookAt(recovers, 600, early);
    expect(gate(end, "ttft.typical")).toEqual(gate(early, "ttft.typical"));
    expect(gate(end, "ttft.typical")).toMatchObject({
      status: "FAIL",
      decided_at: "2026-01-01T00:05:00.000Z",
    });
    expect(gate(end, "ttft.typical")?.fail_interval?.lower).toBeGreaterThan(1.1);
    expect(end.verdict).toMatchObject({ status: "FAIL", final: early.verdict.final });
  });
});

test("if the bounds of two interim analyses exclude each other, the newer ones are shown", () => {
  const bounds = (lower: number, upper: number) => ({ lower, upper, level: 0.95 });
  const open = gate(run(traffic({ seed: 46, pairs: 40, perSecond: 4 })), "ttft.typical");
  if (open === undefined) throw new Error("no gate");
  const look = { at: "2026-01-01T00:05:00.000Z", isFinal: false };
  const merged = (now: Interval, before: Interval) =>
    settled({ ...open, fail_interval: now }, { ...open, fail_interval: before }, look)
      .fail_interval;
  expect(merged(bounds(1.2, 1.4), bounds(0.95, 1.05))).toEqual(bounds(1.2, 1.4));
  expect(merged(bounds(0.9, 1.04), bounds(0.95, 1.05))).toEqual(bounds(0.95, 1.04));
});

describe("a verdict that was final", () => {
  const lookAt = (samples: readonly Sample[], seconds: number, facts: EvaluationFacts = {}) => {
    const nowMs = startedAtMs + seconds * 1_000;
    const known = samples.filter(({ t0 }) => t0 <= nowMs);
    return run(known, {}, { startedAtMs, nowMs, ...facts });
  };
  const losing = (lost: (i: number) => boolean, ratio = 1, perSecond = 4) =>
    traffic({ seed: 44, pairs: 4_800, perSecond, spread: 0.1, ratio }).map((each, i) =>
      lost(i) ? { ...each, shadow: null } : each,
    );

  test("INVALID stays, with its time, though it had too few pairs", () => {
    const samples = losing((i) => i < 1_200 && i % 8 === 0, 1, 2);
    const first = lookAt(samples, 600);
    expect(first.verdict).toMatchObject({
      status: "INVALID",
      final: { at: "2026-01-01T00:10:00.000Z", stage: 1 },
    });
    expect(lookAt(samples, 2_400, { earlier: first })).toBe(first);
  });

  test("FAIL stays, with its time, and a check that breaks later is shown with it", () => {
    const samples = losing((i) => i % 5 === 0, 1.4);
    const early = lookAt(samples, 300);
    expect(early.verdict.status).toBe("FAIL");
    const end = lookAt(samples, 600, { earlier: early });
    expect(end.verdict).toMatchObject({ status: "FAIL", final: early.verdict.final });
    expect(end.verdict.reasons.map(({ code }) => code)).toEqual(
      expect.arrayContaining(["gate_failed", "check_pairing_rate"]),
    );
    expect(lookAt(samples, 1_200, { earlier: end })).toBe(end);
  });

  test("INCONCLUSIVE of a spent budget stays until the next stage", () => {
    const samples = losing(() => false);
    const first = lookAt(samples, 490, { isBudgetSpent: true });
    expect(first.verdict).toMatchObject({ status: "INCONCLUSIVE", final: { stage: 1 } });
    expect(lookAt(samples, 505, { isBudgetSpent: true, earlier: first })).toBe(first);
    const second = lookAt(samples, 1_200, { isBudgetSpent: true, earlier: first });
    expect(second.verdict).toMatchObject({ status: "PASS", final: { stage: 2 } });
  });
});

describe("twins in flight at the planned end", () => {
  const hanging = (i: number) => i > 1_600 && i % 33 === 0;
  const samples = traffic({ seed: 45, ...usual, spread: 0.1 }).map((each, i) =>
    hanging(i) ? { ...each, shadow: null } : each,
  );
  const lookAt = (seconds: number, more: EvaluationFacts, known = samples) =>
    run(known, {}, { startedAtMs, nowMs: startedAtMs + seconds * 1_000, ...more });
  const withoutThem = samples.filter(({ shadow }) => shadow !== null);

  test("are waited for, and then count", () => {
    const open = samples.length - withoutThem.length;
    const early = lookAt(600, { openBeforeEnd: open }, withoutThem);
    expect(early.verdict).toMatchObject({
      status: "INCONCLUSIVE",
      final: null,
      reasons: [{ code: "answers_open" }],
      next: { action: expect.stringContaining("wait for the answers") },
    });
    const end = lookAt(900, { openBeforeEnd: 0, earlier: early });
    expect(end.verdict.status).not.toBe("PASS");
    expect(end.verdict.final?.stage).toBe(1);
  });

  test("and no longer than a twin may take", () => {
    const late = lookAt(600 + 661, { openBeforeEnd: 1 }, withoutThem);
    expect(late.verdict.final?.stage).toBe(1);
  });
});

describe("what a gate shows", () => {
  test("the interval that decides FAIL, and the smallest change that could be found", () => {
    const ttft = gate(run(traffic({ seed: 41, ...usual })), "ttft.typical");
    const [interval, fail] = [ttft?.interval, ttft?.fail_interval];
    expect(interval?.level).toBeCloseTo(0.9, 9);
    expect(fail?.level).toBeGreaterThan(0.9);
    expect(fail?.lower ?? 1).toBeLessThan(interval?.lower ?? 0);
    expect(ttft?.smallest_detectable).toBeGreaterThan(1);
    expect(ttft?.smallest_detectable).toBeLessThan(1.05);
  });

  test("a run that sees few swings of the load says so", () => {
    const lasting = traffic({ seed: 42, ...usual }).map((each, i) => {
      const swing = Math.exp(0.2 * Math.sin((2 * Math.PI * i) / 1_200));
      return { ...each, shadow: leg({ ...each.shadow, ttft: swing * (each.shadow?.ttft ?? 0) }) };
    });
    const report = run(lasting);
    expect(report.evaluation.load?.swings).toBeLessThan(20);
    expect(report.verdict.reasons.map(({ code }) => code)).toContain("few_swings");
    const steady = run(traffic({ seed: 43, ...usual }));
    expect(steady.evaluation.load).toMatchObject({ tau_s: 0, swings: null });
  });
});

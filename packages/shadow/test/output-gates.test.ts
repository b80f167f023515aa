import { describe, expect, test } from "@jest/globals";
import {
  agreementFields,
  type EvaluationSettings,
  evaluationConfig,
  judge,
  outputFields,
  parseSample,
  renderReportText,
  type Sample,
  type SampleAgreement,
  type SampleOutput,
  type SampleRequest,
  type ShadowReport,
  skippedAgreement,
} from "@umbra/shadow";
import { compareAnswers } from "@umbra/shadow/compare";
import { createRandom, type Random } from "@umbra/shadow/statistics";
import fc from "fast-check";
import { leg, sample } from "./fixtures.ts";

const good: SampleOutput = {
  ...{ cut: false, refusal: 0, loop: 0, rep4: 0.04, json: null, schema: null, calls: 0 },
  ...{ toolBad: null, script: "Latin", ppl: null },
};
const same: SampleAgreement = {
  ...{ exact: 1, lcp: 300, lcpShare: 1, sim: 1, jsonEqual: null, jsonKeys: null, tool: null },
  ...{ toolF1: null, lpTokens: null, lpAbs: null, lpDiff: null, nearTie: null, why: null },
};
const greedy: SampleRequest = {
  ...{ decode: "greedy", shape: "text", model: "llama", tools: null, script: "Latin" },
};

/** Latency gates take most of the work, and are tested elsewhere. */
const untimed = { stream: false, ttft: null, ttfo: null, tpot: null, e2e: null };

interface Said {
  readonly request?: Partial<SampleRequest>;
  readonly primary?: Partial<SampleOutput>;
  readonly shadow?: Partial<SampleOutput>;
  readonly agreement?: Partial<SampleAgreement>;
  readonly session?: string;
}

/** Pairs, two a second, whose answers `say` makes. */
function pairs(
  count: number,
  say: (i: number, random: Random) => Said,
  seed = 1,
): readonly Sample[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, i) => {
    const { request, primary, shadow, agreement, session = null } = say(i, random);
    return sample(i * 500, {
      ...{ id: `r${i}`, session, req: { ...greedy, ...request } },
      primary: leg({ ...untimed, out: { ...good, ...primary } }),
      shadow: leg({ ...untimed, out: { ...good, ...shadow } }),
      cmp: { ...same, ...agreement },
    });
  });
}

interface Run extends Pick<EvaluationSettings, "gates" | "controlPercent" | "outputs"> {
  readonly control?: readonly Sample[];
  readonly isSameModel?: boolean;
  readonly isFinished?: boolean;
}

function report(samples: readonly Sample[], run: Run = {}): ShadowReport {
  const { control, isSameModel = false, isFinished = true, ...settings } = run;
  const config = evaluationConfig({ warmupMs: 0, isSameModel, ...settings });
  return judge({
    ...{ samples, config, facts: { isFinished } },
    ...(control === undefined ? {} : { control }),
  });
}

function gate({ gates }: ShadowReport, id: string) {
  return gates.find((each) => each.id === id);
}

const flip = (random: Random, share: number) => (random.unit() < share ? 1 : 0);

describe("gates about one answer each", () => {
  test("pass where both lanes are the same, and none is about JSON without a request for it", () => {
    const found = report(
      pairs(2_400, (_, random) => ({
        primary: { refusal: flip(random, 0.02) },
        shadow: { refusal: flip(random, 0.02) },
      })),
    );
    expect(gate(found, "out.refusal")).toMatchObject({ status: "PASS", required: true, n: 2_400 });
    expect(gate(found, "out.loop")).toMatchObject({ status: "PASS", primary: 0, shadow: 0 });
    expect(gate(found, "out.script")).toMatchObject({ status: "PASS" });
    expect(gate(found, "out.json")).toBeUndefined();
    expect(gate(found, "out.refusal.fewer")).toBeUndefined();
    expect(found.verdict.status).toBe("PASS");
  });

  test.each([
    { id: "out.refusal", bad: { refusal: 1 }, request: {}, own: { refusal: 0 } },
    { id: "out.loop", bad: { loop: 1 }, request: {}, own: {} },
    {
      id: "out.json",
      bad: { json: "invalid" },
      request: { shape: "json" },
      own: { json: "valid" },
    },
    { id: "out.json", bad: { json: "fenced" }, request: { shape: "json" }, own: { json: "valid" } },
    {
      id: "out.json",
      bad: { schema: "broken" },
      request: { shape: "json" },
      own: { json: "valid" },
    },
    { id: "out.toolBad", bad: { toolBad: 1 }, request: { shape: "tools" }, own: { toolBad: 0 } },
    { id: "out.script", bad: { script: "Han" }, request: {}, own: {} },
  ] as const)("$id fails a shadow that is worse in 5 %: $bad", ({ id, bad, request, own }) => {
    const found = report(
      pairs(2_000, (_, random) => ({
        ...{ request, primary: own },
        shadow: { ...own, ...(random.unit() < 0.05 ? bad : {}) },
      })),
    );
    expect(gate(found, id)).toMatchObject({ status: "FAIL", required: true });
    expect(found.verdict).toMatchObject({ status: "FAIL", reasons: [{ gate: id }] });
  });

  test("a fence is not bad where the primary writes it too", () => {
    const found = report(
      pairs(2_000, () => ({
        ...{ request: { shape: "json" }, primary: { json: "fenced" }, shadow: { json: "fenced" } },
      })),
    );
    expect(gate(found, "out.json")).toMatchObject({ status: "PASS", primary: 0, shadow: 0 });
  });

  test("fewer refusals fail the same model, and no other", () => {
    const samples = pairs(2_000, (_, random) => ({ primary: { refusal: flip(random, 0.06) } }));
    expect(gate(report(samples), "out.refusal")).toMatchObject({ status: "PASS" });
    const same = report(samples, { isSameModel: true });
    expect(gate(same, "out.refusal.fewer")).toMatchObject({ status: "FAIL", required: true });
  });

  test("with too few requests of a kind it is not judged, and the verdict says so", () => {
    const found = report(
      pairs(2_400, (i) =>
        i % 60 === 0
          ? { request: { shape: "tools" }, primary: { toolBad: 0 }, shadow: { toolBad: 0 } }
          : {},
      ),
    );
    expect(gate(found, "out.toolBad")).toMatchObject({
      status: "NOT_JUDGED",
      required: true,
      n: 40,
    });
    const named = found.verdict.not_judged.filter(({ gate: id }) => id.startsWith("out."));
    expect(named.map(({ gate: id, code }) => [id, code])).toEqual([
      ["out.toolBad", "rare_traffic"],
      ["out.exact", "no_floor"],
      ["out.sim", "no_floor"],
      ["out.tools", "no_floor"],
    ]);
  });

  test("with too few requests of a rare kind it keeps no shadow from a PASS", () => {
    const samples = pairs(2_400, (i) => (i % 40 === 0 ? {} : { request: { script: null } }));
    const found = report(samples);
    expect(gate(found, "out.script")).toMatchObject({
      ...{ status: "NOT_JUDGED", required: true, n: 60 },
      reason: { code: "rare_traffic", has: 60, needs: 500 },
    });
    expect(found.verdict.status).toBe("PASS");
  });

  test("with too few requests of a kind that is not rare it does", () => {
    const samples = pairs(2_400, (i) => (i % 10 === 0 ? {} : { request: { script: null } }));
    expect(gate(report(samples), "out.script")).toMatchObject({ status: "INCONCLUSIVE", n: 240 });
    expect(report(samples).verdict.status).toBe("INCONCLUSIVE");
  });

  test("before the planned end nothing passes", () => {
    const found = report(
      pairs(1_000, () => ({})),
      { isFinished: false },
    );
    expect(gate(found, "out.loop")).toMatchObject({
      status: "INCONCLUSIVE",
      reason: { code: "at_end" },
    });
  });

  test("a session that repeats one behaviour counts once", () => {
    // 30 sessions of 40 turns, of which three of the shadow always refuse: 10 % of requests, and little evidence.
    const said = (session: number): Said => ({
      session: `s${session}`,
      shadow: { refusal: session % 10 === 0 ? 1 : 0 },
    });
    const bySession = report(pairs(1_200, (i) => said(Math.floor(i / 40))));
    const byRequest = report(
      pairs(1_200, (i) => ({ shadow: said(Math.floor(i / 40)).shadow ?? {} })),
    );
    expect(gate(bySession, "out.refusal")).toMatchObject({
      status: "INCONCLUSIVE",
      blocks: 30,
      n: 1_200,
    });
    expect(gate(bySession, "out.refusal")?.e_value).toBeLessThan(
      (gate(byRequest, "out.refusal")?.e_value ?? 0) / 1_000,
    );
  });

  test("3 % of broken calls are found at the planned end, in sessions of ten turns too", () => {
    const samples = pairs(2_000, (i, random) => ({
      ...{ session: `s${Math.floor(i / 10)}`, request: { shape: "tools" } },
      ...{ primary: { toolBad: 0 }, shadow: { toolBad: flip(random, 0.035) } },
    }));
    const found = gate(report(samples), "out.toolBad");
    expect(found).toMatchObject({ status: "FAIL", n: 2_000 });
    // No test that holds at every analysis has found it.
    expect(found?.e_value).toBeLessThan(found?.e_needed ?? 0);
    expect(gate(report(samples, { isFinished: false }), "out.toolBad")?.status).toBe(
      "INCONCLUSIVE",
    );
  });

  test("one bad session of twenty turns says less of the rate than twenty bad requests", () => {
    const bad = (isBad: boolean) => ({ shadow: { loop: isBad ? 1 : 0 } }) as const;
    const inSessions = pairs(4_000, (i) => ({
      ...{ session: `s${Math.floor(i / 20)}`, ...bad(Math.floor(i / 20) % 100 === 7) },
    }));
    const apart = pairs(4_000, (i) => bad(i % 100 === 7));
    const upper = (samples: readonly Sample[]) =>
      gate(report(samples), "out.loop")?.interval?.upper ?? 0;
    expect(upper(apart)).toBeLessThan(0.014);
    expect(upper(inSessions)).toBeGreaterThan(0.03);
  });

  test("the set of required gates does not grow with the pairs", () => {
    const tools = (i: number): Said =>
      i % 4 === 0
        ? { request: { shape: "tools" }, primary: { toolBad: 0 }, shadow: { toolBad: 0 } }
        : {};
    const needed = [100, 1_000, 2_400].map((count) => {
      const found = report(pairs(count, tools), { isFinished: false });
      return [gate(found, "out.toolBad")?.required, gate(found, "out.loop")?.e_needed];
    });
    const last = [true, needed[2]?.[1]];
    expect(needed).toEqual([last, last, last]);
  });

  test("margins and requirements come from the settings", () => {
    const samples = pairs(2_000, (_, random) => ({ shadow: { refusal: flip(random, 0.06) } }));
    const gates = { "out.refusal": { margin: 0.2, required: false } };
    expect(gate(report(samples, { gates }), "out.refusal")).toMatchObject({
      ...{ status: "PASS", required: false, margin: 0.2 },
    });
  });

  test("another number of prompt tokens fails the same model, and no other", () => {
    const samples = pairs(600, () => ({})).map((each, i) => ({
      ...each,
      shadow: { ...each.primary, promptTokens: i % 10 === 0 ? 90 : each.primary.promptTokens },
    }));
    expect(gate(report(samples, { isSameModel: true }), "out.prompt")).toMatchObject({
      ...{ status: "FAIL", required: true, primary: 0, shadow: 0.1, n: 600 },
    });
    expect(gate(report(samples), "out.prompt")).toBeUndefined();
  });

  test("with few sessions nothing is decided, and the reason is given", () => {
    const found = report(pairs(1_200, (i) => ({ session: `s${i % 12}` })));
    expect(gate(found, "out.loop")).toMatchObject({
      ...{ status: "INCONCLUSIVE", blocks: 12 },
      reason: { code: "too_few_blocks", has: 12, needs: 20, text: "needs 20 sessions, has 12" },
    });
  });

  test("nothing is decided where too many answers could not be compared", () => {
    const samples = pairs(2_000, () => ({})).map((each, i) =>
      i % 5 === 0 ? { ...each, cmp: skippedAgreement("memory") } : each,
    );
    const found = report(samples);
    expect(gate(found, "out.loop")).toMatchObject({
      ...{ status: "INCONCLUSIVE", n: 1_600 },
      reason: { code: "low_coverage", text: "texts of only 80 % of pairs could be compared" },
    });
    expect(found.outputs).toMatchObject({
      compared: 1_600,
      coverage: 0.8,
      skipped: { memory: 400 },
    });
  });

  test("pairs whose similarity was not measured are counted", () => {
    const samples = pairs(400, (i) => ({ agreement: { sim: i % 4 === 0 ? 0.5 : null } }));
    expect(report(samples).outputs?.agreement).toMatchObject([{ n: 400, sim: 0.5, sim_n: 100 }]);
    expect(report(pairs(400, () => ({}))).outputs?.agreement[0]?.sim_n).toBeUndefined();
  });

  test("a report states that answers were compared by sketches", () => {
    const samples = pairs(400, () => ({}));
    expect(report(samples, { outputs: { mode: "sketch" } }).outputs?.mode).toBe("sketch");
    expect(report(samples).outputs?.mode).toBeUndefined();
  });

  test.each([
    {
      name: "few",
      compared: 40,
      refusal: 0,
      want: { n: 40, reason: { code: "low_coverage", has: 0.02 } },
    },
    {
      name: "none",
      compared: 0,
      refusal: null,
      want: { n: 0, reason: { code: "low_coverage", has: 0 } },
    },
  ])("nor where $name could", ({ compared, refusal, want }) => {
    const samples = pairs(2_000, () => ({})).map((each, i) =>
      i < compared ? each : { ...each, cmp: skippedAgreement("encoding") },
    );
    const found = report(samples);
    for (const id of ["out.refusal", "out.loop"]) {
      expect(gate(found, id)).toMatchObject({ status: "INCONCLUSIVE", required: true, ...want });
    }
    expect(found.verdict.status).toBe("INCONCLUSIVE");
    expect(found.outputs).toMatchObject({
      ...{ compared, skipped: { encoding: 2_000 - compared }, lanes: { primary: { refusal } } },
    });
  });

  test("there are no gates where answers are not to be looked at", () => {
    const samples = pairs(2_000, () => ({})).map((each) => ({
      ...each,
      cmp: skippedAgreement("disabled"),
    }));
    expect(report(samples).outputs).toBeNull();
  });
});

describe("gates about agreement", () => {
  const agreeing = (random: Random, share: number): Partial<SampleAgreement> => {
    const exact = flip(random, share);
    return { exact, sim: exact === 1 ? 1 : 0.8, lcpShare: exact };
  };
  const run = (own: number, other: number, count = 4_000) => {
    const samples = pairs(count, (_, random) => ({ agreement: agreeing(random, other) }));
    const control = pairs(count, (_, random) => ({ agreement: agreeing(random, own) }), 2);
    return report(samples, { control, isSameModel: true });
  };

  test("are described and not judged without a floor", () => {
    const found = report(
      pairs(1_000, (_, random) => ({ agreement: agreeing(random, 0.6) })),
      { isSameModel: true },
    );
    expect(gate(found, "out.exact")).toMatchObject({
      status: "NOT_JUDGED",
      reason: { code: "no_floor" },
    });
    expect(found.outputs).toMatchObject({
      floor: null,
      agreement: [{ bucket: "all", n: 1_000, exact_floor: null }],
    });
  });

  test("pass a shadow that agrees with the primary as the primary with itself", () => {
    const found = run(0.95, 0.95);
    expect(gate(found, "out.exact")).toMatchObject({ status: "PASS", required: true, n: 4_000 });
    expect(gate(found, "out.sim")).toMatchObject({ status: "PASS", required: true });
  });

  test("fail one that agrees less", () => {
    const found = run(0.9, 0.7);
    expect(gate(found, "out.exact")).toMatchObject({ status: "FAIL" });
    expect(gate(found, "out.exact")?.estimate).toBeCloseTo(0.2, 1);
    expect(gate(found, "out.sim")).toMatchObject({ status: "FAIL" });
  });

  test("use only requests that the control answered too", () => {
    const samples = pairs(3_000, (_, random) => ({ agreement: agreeing(random, 0.9) }));
    const control = pairs(3_000, () => ({})).filter((_, i) => i % 10 === 0);
    const found = report(samples, { control, isSameModel: true });
    expect(gate(found, "out.exact")).toMatchObject({ n: 300, primary: 0 });
    expect(found.outputs).toMatchObject({ compared: 3_000, floor: { triples: 300 } });
  });

  test("leave the other gates all pairs, where few requests have a control", () => {
    const samples = pairs(3_000, () => ({}));
    const control = pairs(3_000, () => ({ shadow: { refusal: 1 } })).filter((_, i) => i % 10 === 0);
    for (const controlPercent of [10, 100]) {
      const found = report(samples, { control, controlPercent });
      expect(gate(found, "errors")).toMatchObject({ n: 3_000 });
      expect(found.outputs?.lanes).toMatchObject({
        ...{ primary: { refusal: 0 }, control: { refusal: 1 } },
      });
    }
  });

  test("count the pairs that a control of all requests did not answer", () => {
    const samples = pairs(1_000, () => ({}));
    const control = samples.filter((_, i) => i % 5 !== 0);
    const found = report(samples, { control });
    expect(gate(found, "errors")).toMatchObject({ n: 800 });
    expect(found.funnel).toMatchObject({ paired: 1_000, used: 800, not_used: { no_control: 200 } });
  });

  test("use the other pairs as a control variate of the estimate", () => {
    const exact = (isSame: boolean): Said => ({ agreement: { exact: isSame ? 1 : 0 } });
    // The shadow differs in every fifth pair, but in none of those that the control answered too.
    const samples = pairs(3_000, (i) => exact(i % 5 !== 1));
    const control = pairs(3_000, () => exact(true)).filter((_, i) => i % 10 === 0);
    const found = gate(report(samples, { control, isSameModel: true }), "out.exact");
    expect(found).toMatchObject({ n: 300, estimate: 0 });
    expect(found?.estimate_all).toBeCloseTo(0.2, 10);
  });

  test("warn where the primary does not repeat itself", () => {
    expect(run(0.1, 0.1).validity).toContainEqual(
      expect.objectContaining({ id: "floor_sanity", ok: false, effect: "warning" }),
    );
    expect(run(0.9, 0.9).validity).toContainEqual(
      expect.objectContaining({ id: "floor_sanity", ok: true }),
    );
  });

  test("of a rare kind are left out by its share of the requests with a floor", () => {
    const tools = (i: number): Said =>
      i % 40 === 0 ? { request: { shape: "tools" }, agreement: { tool: "same_args" } } : {};
    const samples = pairs(4_000, tools);
    expect(gate(report(samples, { control: samples }), "out.tools")).toMatchObject({
      ...{ status: "NOT_JUDGED", n: 100, reason: { code: "rare_traffic" } },
    });
    const few = samples.slice(0, 100);
    const floor = report(samples, { control: few, isSameModel: true });
    expect(gate(floor, "out.exact")).toMatchObject({ status: "INCONCLUSIVE", n: 100 });
  });

  test("tool calls need no decoding that repeats", () => {
    const tools = (level: SampleAgreement["tool"]): Said => ({
      request: { shape: "tools", decode: "sampled" },
      agreement: { tool: level },
    });
    const samples = pairs(2_000, (i) => tools(i % 10 === 0 ? "one_only" : "none"));
    const control = pairs(2_000, () => tools("same_args"));
    const found = report(samples, { control });
    expect(gate(found, "out.tools")).toMatchObject({
      status: "FAIL",
      required: true,
      n: 2_000,
      primary: 0,
      shadow: 0.1,
    });
    expect(gate(found, "out.exact")).toBeUndefined();
    expect(found.outputs?.tools).toMatchObject({ n: 2_000 });
  });
});

describe("samples", () => {
  test("keep what was compared, rounded, and are read back as they were written", () => {
    const [first, second] = [
      "The answer is forty two, I think.",
      "The answer is forty three, I think.",
    ];
    const { primary, shadow, agreement } = compareAnswers({ text: first }, { text: second });
    const written = sample(0, {
      req: greedy,
      primary: leg({ out: outputFields(primary) }),
      shadow: leg({ out: outputFields(shadow) }),
      cmp: agreementFields(agreement),
    });
    const read = parseSample(JSON.stringify(written));
    expect(read).toMatchObject({
      ok: true,
      sample: {
        req: greedy,
        primary: { out: written.primary.out },
        shadow: { out: written.shadow?.out },
        cmp: written.cmp,
      },
    });
    expect(written.cmp).toMatchObject({ lcp: 21, lcpShare: 0.6, why: null });
  });

  test("do not round what almost agrees to what agrees, nor little to nothing", () => {
    const almost = { lcpShare: 0.99991, sim: 0.99991, jsonKeys: 0.00001, toolF1: 0 };
    expect(agreementFields({ ...same, ...almost } as never)).toMatchObject({
      ...{ lcpShare: 0.999, sim: 0.999, jsonKeys: 0.001, toolF1: 0 },
    });
  });

  test("round a long prefix to a multiple of 16", () => {
    const text = "word ".repeat(80);
    const { agreement } = compareAnswers({ text: `${text}a` }, { text: `${text}b` });
    expect(agreement.lcp).toBe(400);
    expect(agreementFields({ ...agreement, lcp: 407 }).lcp).toBe(400);
  });

  test("with a reason that is not known were not compared", () => {
    const line = { ...sample(0), cmp: { ...same, why: "a reason of a later version" } };
    expect(parseSample(JSON.stringify(line))).toMatchObject({
      sample: { cmp: { exact: null, sim: null, why: "other" } },
    });
  });

  test("of any origin give numbers within their ranges and names of closed lists", () => {
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom(0, 1, -1, 2, Number.MAX_VALUE, "valid", "Latin"),
    );
    const fields = [
      "cut",
      "refusal",
      "loop",
      "rep4",
      "json",
      "schema",
      "calls",
      "toolBad",
      "script",
      "ppl",
      "exact",
      "lcp",
      "sim",
      "tool",
      "why",
      "lpDiff",
      "decode",
      "shape",
      "tools",
    ];
    const part = fc.record(Object.fromEntries(fields.map((name) => [name, anything])));
    fc.assert(
      fc.property(part, part, part, (req, out, cmp) => {
        const line = JSON.stringify({ ...sample(0), primary: { ...leg(), out }, req, cmp });
        const read = parseSample(line);
        if (!read.ok) throw new Error(read.problem);
        const { primary, cmp: compared, req: request } = read.sample;
        expect(compared?.sim ?? 0).toBeGreaterThanOrEqual(0);
        expect(compared?.sim ?? 0).toBeLessThanOrEqual(1);
        expect(primary.out?.rep4 ?? 0).toBeLessThanOrEqual(1);
        expect([0, 1, undefined]).toContain(primary.out?.refusal);
        expect(["greedy", "seeded", "sampled", null]).toContain(request?.decode);
      }),
    );
  });
});

describe("log probabilities", () => {
  const drifting = (count: number, lpAbs: number) =>
    Array.from({ length: count }, (_, i) => {
      const [text, other] = [{ text: `Answer ${i}.` }, { text: `Answer ${i}!` }];
      const { primary, shadow, agreement } = compareAnswers(text, other);
      return sample(i, {
        req: greedy,
        primary: leg({ out: outputFields(primary) }),
        shadow: leg({ out: outputFields(shadow) }),
        cmp: { ...agreementFields(agreement), lpTokens: 9, lpAbs, lpDiff: -lpAbs, nearTie: 1 },
      });
    });

  test("of the shadow are reported with their drift beyond the control's own", () => {
    const found = report(drifting(600, 0.05), { control: drifting(300, 0.01) });
    expect(found.outputs?.logprob).toMatchObject({ n: 600, abs: expect.closeTo(0.05) });
    expect(found.outputs?.logprob?.floor).toEqual({
      ...{ triples: 300, near_tie: 1, abs: expect.closeTo(0.01), excess: expect.closeTo(0.04) },
    });
    expect(report(drifting(600, 0.05)).outputs?.logprob).not.toHaveProperty("floor");
  });

  /** Only lanes with a perplexity have log probabilities. */
  const surprised = (count: number, ppl: Readonly<{ primary?: number; shadow?: number }>) =>
    pairs(count, () => ({
      primary: { ppl: ppl.primary ?? null },
      shadow: { ppl: ppl.shadow ?? null },
    }));

  test.each([
    {
      name: "the primary's, if it has any",
      ...{ samples: surprised(600, { primary: 2, shadow: 3 }), control: undefined },
      want: {
        n: 600,
        primary: 2,
        shadow: 3,
        ratio: { to: "primary", n: 600, value: expect.closeTo(1.5) },
      },
      says: "median 3.000, 1.500 times the primary's over 600 requests",
    },
    {
      name: "the control's, if only copies are asked for them",
      ...{ samples: surprised(600, { shadow: 3 }), control: surprised(300, { shadow: 4 }) },
      want: {
        ...{ n: 600, primary: null, shadow: 3, control: 4 },
        ratio: { to: "control", n: 300, value: expect.closeTo(0.75) },
      },
      says: "median 3.000, 0.750 times the control's over 300 requests",
    },
    {
      name: "nothing, if no other lane has any",
      ...{ samples: surprised(600, { shadow: 3 }), control: undefined },
      want: { n: 600, primary: null, shadow: 3, ratio: null },
      says: "no other lane has log probabilities: add a control mirror",
    },
  ])("make a perplexity that is compared with $name", ({ samples, control, want, says }) => {
    const found = report(samples, control === undefined ? {} : { control });
    expect(found.outputs?.perplexity).toEqual(want);
    expect(renderReportText(found, { color: false })).toContain(says);
  });

  test.each([1e308, Number.POSITIVE_INFINITY, 5e-324, 0, -1, Number.NaN])(
    "that make a perplexity of %p are left out",
    (ppl) => {
      const hostile = [
        ...surprised(300, { primary: 2, shadow: 3 }),
        ...surprised(300, { primary: 2, shadow: ppl }),
      ];
      expect(report(hostile).outputs?.perplexity).toMatchObject({
        ...{ n: 300, shadow: 3, ratio: { n: 300, value: expect.closeTo(1.5) } },
      });
    },
  );

  test("of no lane make no perplexity", () => {
    expect(report(surprised(600, {})).outputs).not.toHaveProperty("perplexity");
  });
});

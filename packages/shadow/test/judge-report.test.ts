import { describe, expect, test } from "@jest/globals";
import {
  evaluationConfig,
  evaluationLine,
  isReport,
  type JudgeTerms,
  judge,
  parseEvaluationLine,
  type Sample,
  type SampleAgreement,
  type SampleJudged,
  type SampleOutput,
} from "@umbra/shadow";
import { createRandom } from "@umbra/shadow/statistics";
import { leg, sample } from "./fixtures.ts";

const good: SampleOutput = {
  ...{ cut: false, refusal: 0, loop: 0, rep4: 0, json: null, schema: null, calls: 0 },
  ...{ toolBad: null, script: null, ppl: null },
};
const far: SampleAgreement = {
  ...{ exact: 0, lcp: 3, lcpShare: 0.1, sim: 0.5, jsonEqual: null, jsonKeys: null, tool: null },
  ...{ toolF1: null, lpTokens: null, lpAbs: null, lpDiff: null, nearTie: null, why: null },
};
/** Latency gates take most of the work, and are tested elsewhere. */
const untimed = { stream: false, ttft: null, ttfo: null, tpot: null, e2e: null };
const terms: JudgeTerms = {
  ...{ margin: 0.05, sample: { near: 0.5, far: 0.5 } },
  pricePerMTokens: { prompt: 1, completion: 2 },
};

/** Half of the pairs are judged; of these, so many win and lose, and the others are ties. */
function pairs(win: number, loss: number, seed = 1): readonly Sample[] {
  const random = createRandom(seed);
  return Array.from({ length: 2_400 }, (_, i) => {
    const isDrawn = random.unit() < 0.5;
    const drawn = random.unit();
    const judged = result(drawn < win ? 1 : drawn < win + loss ? 0 : 0.5);
    return sample(i * 500, {
      id: `r${i}`,
      req: { decode: "greedy", shape: "text", model: null, tools: null, script: null },
      primary: leg({ ...untimed, outChars: 100, out: good }),
      shadow: leg({ ...untimed, outChars: 100, out: good }),
      cmp: far,
      ...(isDrawn ? { judged } : {}),
    });
  });
}

function result(w: 0 | 0.5 | 1): SampleJudged {
  const verdicts = { 0: ["A", "B"], 0.5: ["tie", "tie"], 1: ["B", "A"] } as const;
  const [ab, ba] = verdicts[w];
  return { ...{ w, ab, ba, pi: 0.5, promptTokens: 1_000, completionTokens: 10, why: null } };
}

const config = evaluationConfig({ warmupMs: 0, outputs: { judge: terms } });
const facts = { isFinished: true };

describe("a report of judged pairs", () => {
  test("has a gate, and the judge's verdicts", () => {
    const report = judge({ samples: pairs(0.2, 0.2), config, facts });
    expect(report.gates.find(({ id }) => id === "out.judge")).toMatchObject({
      ...{ status: "PASS", required: true, margin: 0.05, primary: 0 },
    });
    const { outputs } = report;
    expect(outputs?.judge).toMatchObject({
      ...{ consistency: 1, first_place: 0.5, control_mu: null, not_judged: {} },
      calls: 2 * (outputs?.judge?.pairs ?? 0),
    });
    expect(outputs?.judge?.cost_usd).toBeCloseTo((outputs?.judge?.pairs ?? 0) * 0.00102, 9);
    expect(outputs?.judge?.mu).toBeCloseTo(0.5, 1);
    expect(isReport(report)).toBe(true);
    expect(isReport({ ...report, outputs: { ...outputs, judge: {} } })).toBe(false);
  });

  test("fails a shadow that mostly loses", () => {
    const report = judge({ samples: pairs(0.05, 0.5), config, facts });
    expect(report.verdict).toMatchObject({ status: "FAIL", reasons: [{ gate: "out.judge" }] });
  });

  test("is INVALID where the judge prefers the control to the primary", () => {
    const control = pairs(0.5, 0.05, 2);
    const report = judge({ samples: pairs(0.2, 0.2), control, config, facts });
    expect(report.verdict).toMatchObject({
      status: "INVALID",
      reasons: [{ code: "check_judge_bias" }],
    });
    expect(report.outputs?.judge?.control_mu).toBeGreaterThan(0.6);
  });

  test("ends with the judge's budget: pairs after it are no ties", () => {
    const samples = pairs(0.05, 0.5).map((each, i): Sample => {
      if (i < 1_200) return each;
      const { judged, ...others } = each;
      const none = { ...{ w: null, ab: null, ba: null }, why: "budget" } as const;
      return judged === undefined ? others : { ...others, judged: { ...judged, ...none } };
    });
    const { outputs } = judge({ samples, config, facts });
    expect(outputs?.judge?.mu).toBeCloseTo(0.275, 1);
    expect(outputs?.judge?.mu).toBeLessThan(0.32);
  });

  test("has no gate without a judge", () => {
    const plain = evaluationConfig({ warmupMs: 0 });
    const samples = pairs(0.2, 0.2).map(({ judged: _, ...each }) => each);
    const report = judge({ samples, config: plain, facts });
    expect(report.gates.some(({ id }) => id === "out.judge")).toBe(false);
    expect(report.outputs?.judge).toBeUndefined();
  });
});

test("the judge's settings are read back from a line of a samples file", () => {
  const line = evaluationLine({ route: "a/b", candidate: "a/c", fromMs: 5, config });
  expect(parseEvaluationLine(line)?.config).toEqual(config);
});

test("that answers are compared by sketches is read back from a line of a samples file", () => {
  const sketched = evaluationConfig({ outputs: { mode: "sketch" } });
  const line = evaluationLine({ route: "a/b", candidate: "a/c", fromMs: 5, config: sketched });
  expect(parseEvaluationLine(line)?.config).toEqual(sketched);
});

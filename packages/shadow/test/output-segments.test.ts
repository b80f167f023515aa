import { describe, expect, test } from "@jest/globals";
import {
  type EvaluationSettings,
  evaluationConfig,
  evaluationLine,
  judge,
  parseEvaluationLine,
  type Sample,
  type SampleAgreement,
  type SampleOutput,
  type ShadowReport,
} from "@umbra/shadow";
import { createRandom } from "@umbra/shadow/statistics";
import { leg, sample } from "./fixtures.ts";

const good: SampleOutput = {
  ...{ cut: false, refusal: 0, loop: 0, rep4: 0, json: null, schema: null, calls: 0 },
  ...{ toolBad: null, script: null, ppl: null },
};
const agreement: SampleAgreement = {
  ...{ exact: 1, lcp: 300, lcpShare: 1, sim: 1, jsonEqual: null, jsonKeys: null, tool: null },
  ...{ toolF1: null, lpTokens: null, lpAbs: null, lpDiff: null, nearTie: null, why: null },
};
/** Latency gates take most of the work, and are tested elsewhere. */
const untimed = { stream: false, ttft: null, ttfo: null, tpot: null, e2e: null };

/** Pairs, two a second, of which a tenth are of users who write Chinese; the shadow refuses a share of these. */
function pairs(refused: number, seed = 1): readonly Sample[] {
  const random = createRandom(seed);
  return Array.from({ length: 2_400 }, (_, i) => {
    const script = i % 10 === 0 ? "Han" : "Latin";
    const refusal = script === "Han" && random.unit() < refused ? 1 : 0;
    return sample(i * 500, {
      id: `r${i}`,
      req: { decode: "greedy", shape: "text", model: null, tools: null, script },
      primary: leg({ ...untimed, out: good }),
      shadow: leg({ ...untimed, out: { ...good, refusal } }),
      cmp: agreement,
    });
  });
}

function report(samples: readonly Sample[], settings: EvaluationSettings = {}): ShadowReport {
  const config = evaluationConfig({ warmupMs: 0, ...settings });
  return judge({ samples, config, facts: { isFinished: true } });
}

const flaggedIn = ({ segments }: ShadowReport) =>
  segments
    .filter(({ flagged }) => flagged)
    .map(({ by, bucket, gate }) => `${by} ${bucket} ${gate}`);

/** A refusal may be 5 pp more frequent: 3 % of all are within it, and 30 % of some are not. */
const wide = { gates: { "out.refusal": { margin: 0.05 } } };

describe("segments of answers", () => {
  test("show a script whose requests the shadow refuses, and keep the verdict from PASS", () => {
    const found = report(pairs(0.3), wide);
    expect(found.gates.find(({ id }) => id === "out.refusal")).toMatchObject({ status: "PASS" });
    expect(flaggedIn(found)).toEqual(["script Han out.refusal"]);
    expect(found.segments.find(({ flagged }) => flagged)).toMatchObject({
      ...{ share: 0.1, n: 240, kind: "rate", margin: 0.05 },
    });
    expect(found.verdict).toMatchObject({
      status: "INCONCLUSIVE",
      reasons: [{ code: "segment_worse", gate: "out.refusal" }],
    });
  });

  test.each([
    { name: "with `warn` only show it", segments: { effect: "warn" }, flags: 1, status: "PASS" },
    {
      name: "leave out what is not asked for",
      segments: { by: ["shape"] },
      flags: 0,
      status: "PASS",
    },
    {
      name: "test no fewer pairs than asked for",
      segments: { minPairs: 241 },
      flags: 0,
      status: "PASS",
    },
  ] as const)("$name", ({ segments, flags, status }) => {
    const found = report(pairs(0.3), { ...wide, outputs: { segments } });
    expect(flaggedIn(found)).toHaveLength(flags);
    expect(found.verdict.status).toBe(status);
  });

  test("have no flag where the lanes are equal, and no row where nothing is bad", () => {
    const found = report(pairs(0));
    expect(flaggedIn(found)).toEqual([]);
    expect(found.segments.filter(({ gate }) => gate.startsWith("out."))).toEqual([]);
  });

  test("at the margin have hardly a false flag", () => {
    const seeds = Array.from({ length: 20 }, (_, i) => i + 1);
    const wrong = seeds.filter((seed) => flaggedIn(report(pairs(0.05, seed), wide)).length > 0);
    expect(wrong.length).toBeLessThanOrEqual(4);
  });
});

test("settings of outputs are read back from a line of a samples file", () => {
  const config = evaluationConfig({
    gates: { "out.refusal": { margin: 0.02 }, "out.loop": { required: false } },
    outputs: { segments: { by: ["shape", "script"], minPairs: 300, q: 0.05, effect: "warn" } },
    controlPercent: 10,
  });
  const line = evaluationLine({ route: "a/b", candidate: "a/c", fromMs: 5, config });
  expect(parseEvaluationLine(line)?.config).toEqual(config);
  const plain = evaluationConfig();
  const usual = evaluationLine({ route: "a/b", candidate: "a/c", fromMs: 5, config: plain });
  expect(parseEvaluationLine(usual)?.config).toEqual(plain);
});

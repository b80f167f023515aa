import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { ShadowReport } from "@umbra/shadow";
import { post } from "./harness/client.ts";
import { type ComparedLanes, startComparedLanes } from "./harness/compared-lanes.ts";
import { until } from "./harness/until.ts";

const policy = `  candidates:
    - backendRef: {name: shadow}
    - backendRef: {name: again}
      role: control
      percent: 60
  sampling: {percent: 100}
  budget: {maxInFlight: 64, maxBodyBytes: 65536}
  evaluation: {sameModel: true, horizon: 30s, warmup: 1s, minPairs: 200, blockLengths: [500ms, 1s]}`;

/** Answers differ by chance, and log probabilities by the engine. */
const noise = { textNoise: 0.7 };
const lanes = {
  primary: { ...noise, seed: 1 },
  shadow: { ...noise, seed: 2, logprobDrift: -0.05 },
  again: { ...noise, seed: 3, logprobDrift: -0.01 },
};
const requests = 100;
const enoughPairs = 80;

/** The client sets a seed in every fourth request. */
function body(index: number): string {
  return JSON.stringify({
    model: "/model/llama2",
    ...{ max_completion_tokens: 20, temperature: 1, logprobs: true, top_logprobs: 5 },
    ...{ stream: index % 2 === 0, ...(index % 4 === 0 ? { seed: index } : {}) },
    messages: [{ role: "user", content: "Say something." }],
  });
}

describe("the same model on another engine", () => {
  let compared: ComparedLanes;
  let report: ShadowReport | undefined;

  const of = (candidate: string) => compared.of(candidate);
  /** Requests that all three lanes answered: what the candidate's and the control's comparisons say. */
  const triples = () => {
    const controls = new Map(of("again").map(({ id, cmp }) => [id, cmp]));
    return of("shadow").flatMap(({ id, cmp, req }) => {
      const control = controls.get(id);
      return cmp === undefined || control === undefined ? [] : [{ shadow: cmp, control, req }];
    });
  };

  beforeAll(async () => {
    compared = await startComparedLanes({ lanes, mirrors: ["shadow", "again"], policy });
    for (let i = 0; i < requests; i++) {
      expect((await post(compared.gateway.origin, body(i))).status).toBe(200);
    }
    await until("the pairs are stored", async () => {
      const { reports } = await compared.gateway.json<{ reports: readonly ShadowReport[] }>(
        "/v1/report",
      );
      report = reports.find(({ candidate }) => candidate.pool === "default/shadow");
      compared.readSamples();
      return of("shadow").length >= enoughPairs && triples().length >= 30;
    });
  }, 180_000);

  afterAll(async () => {
    await compared?.stop();
  });

  test("candidate and control get the same seed: they say the same, though both sample", () => {
    const found = triples();
    for (const { shadow, control } of found) {
      expect([shadow.exact, shadow.lcp, shadow.sim]).toEqual([
        control.exact,
        control.lcp,
        control.sim,
      ]);
    }
    // Not because all answers were the primary's.
    expect(found.filter(({ shadow }) => shadow.lcpShare !== 1).length).toBeGreaterThan(5);
  });

  test("a client's own seed stays, and its answers are the same in all lanes", () => {
    const seeded = of("shadow").filter(({ req }) => req?.decode === "seeded");
    expect(seeded.length).toBeGreaterThan(10);
    expect(seeded.every(({ cmp }) => cmp?.exact === 1)).toBe(true);
  });

  test("drift of log probabilities is measured up to the first divergence", () => {
    for (const { shadow, control } of triples().filter(({ shadow: { lpTokens } }) => lpTokens)) {
      expect(shadow.lpDiff).toBeCloseTo(-0.05, 2);
      expect(control.lpDiff).toBeCloseTo(-0.01, 2);
    }
    const parted = of("shadow").filter(({ cmp }) => cmp?.lcpShare !== 1);
    const ties = parted.map(({ cmp }) => cmp?.nearTie);
    expect(new Set(ties)).toEqual(new Set([0, 1]));
  });

  test("the report has the drift beyond the control's own", () => {
    const logprob = report?.outputs?.logprob;
    expect(logprob?.n).toBeGreaterThan(20);
    expect(logprob?.diff).toBeCloseTo(-0.05, 2);
    expect(logprob?.floor?.abs).toBeCloseTo(0.01, 2);
    expect(logprob?.floor?.excess).toBeCloseTo(0.04, 2);
  });
});

type Fields = Readonly<Record<string, unknown>>;

describe("log probabilities that only copies are asked for", () => {
  const asking = policy
    .replace("evaluation: {", "evaluation: {outputs: {logprobs: shadow}, ")
    .replace("warmup: 1s", "warmup: 0s")
    .replace("percent: 60", "percent: 100");
  let compared: ComparedLanes;
  let report: ShadowReport | undefined;

  beforeAll(async () => {
    const mirrors = ["shadow", "again"];
    compared = await startComparedLanes({ lanes, mirrors, policy: asking });
    for (let i = 0; i < 40; i++) {
      const { logprobs: _, top_logprobs: __, ...plain } = JSON.parse(body(i)) as Fields;
      expect((await post(compared.gateway.origin, JSON.stringify(plain))).status).toBe(200);
    }
    await until("the pairs are in the report", async () => {
      const { reports } = await compared.gateway.json<{ reports: readonly ShadowReport[] }>(
        "/v1/report",
      );
      report = reports.find(({ candidate }) => candidate.pool === "default/shadow");
      return (report?.outputs?.perplexity?.ratio?.n ?? 0) >= 25;
    });
  }, 180_000);

  afterAll(async () => {
    await compared?.stop();
  });

  test("compare the shadow's perplexity with the control's, and the primary has none", () => {
    const { primary, shadow, control, ratio } = report?.outputs?.perplexity ?? {};
    expect(primary).toBeNull();
    expect(shadow).toBeGreaterThan(1);
    expect(control).toBeGreaterThan(1);
    // The shadow's tokens are less likely by 0.05 nats, the control's by 0.01.
    expect(ratio).toMatchObject({ to: "control", value: expect.closeTo(Math.exp(0.04), 2) });
    expect(report?.outputs?.logprob).toBeNull();
  });
});

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { ShadowReport } from "@umbra/shadow";
import {
  type SimulatedJudge,
  simulatedJudgeModel,
  startSimulatedJudge,
} from "../testing/simulated-judge.ts";
import { post } from "./harness/client.ts";
import { type ComparedLanes, startComparedLanes } from "./harness/compared-lanes.ts";
import { until } from "./harness/until.ts";

/** Every answer of the shadow and of the control differs from the primary's. */
const lanes = {
  primary: { seed: 1 },
  shadow: { textNoise: 1, seed: 2 },
  again: { textNoise: 1, seed: 3 },
};
const requests = 120;
const enoughPairs = 90;
const controlPercent = 50;

const policyFor = (endpoint: string) => `  candidates:
    - backendRef: {name: shadow}
    - backendRef: {name: again}
      role: control
      percent: ${controlPercent}
  sampling: {percent: 100}
  budget: {maxInFlight: 64, maxBodyBytes: 65536}
  evaluation:
    horizon: 30s
    warmup: 1s
    minPairs: 200
    blockLengths: [500ms, 1s]
    outputs:
      judge:
        consent: true
        endpoint: ${endpoint}
        model: ${simulatedJudgeModel}
        sample: {near: 1, far: 1}
        maxCalls: 100000
        pricePerMTokens: {prompt: 1000, completion: 1000}`;

/** Every fourth request is private, and every fifth has an e-mail address. */
function body(index: number): string {
  const content = `${index % 4 === 0 ? "Privately" : "Openly"} asked${index % 5 === 0 ? " by jane@example.com" : ""}?`;
  return JSON.stringify({
    model: "/model/llama2",
    ...{ max_completion_tokens: 20, temperature: 0, stream: index % 3 !== 0 },
    messages: [{ role: "user", content }],
  });
}

const words = "I am a simulated model and these words mean nothing".split(" ");

/** Number of words in order at the start: of the primary's answers, all are, of the others less. */
function inOrder(text: string): number {
  const said = text.split(" ");
  const end = said.findIndex((word, i) => word !== words[i % words.length]);
  return end < 0 ? said.length : end;
}

describe("a simulated judge on a real Envoy", () => {
  let judge: SimulatedJudge;
  let compared: ComparedLanes;

  const of = (candidate: string) => compared.of(candidate);

  beforeAll(async () => {
    judge = await startSimulatedJudge(({ answer_a: a, answer_b: b }) =>
      JSON.stringify({ verdict: inOrder(a) > inOrder(b) ? "A" : "B" }),
    );
    const policy = policyFor(judge.endpoint);
    compared = await startComparedLanes({ lanes, mirrors: ["shadow", "again"], policy });
    for (let i = 0; i < requests; i++) {
      const headers = i % 4 === 0 ? { "x-umbra-no-judge": "1" } : {};
      expect((await post(compared.gateway.origin, body(i), { headers })).status).toBe(200);
    }
    await until("the pairs are judged", async () => {
      await compared.gateway.json("/v1/report");
      compared.readSamples();
      return of("shadow").length >= enoughPairs && of("again").length >= 20;
    });
  }, 180_000);

  afterAll(async () => {
    await compared?.stop();
    await judge?.close();
  });

  test("judges pairs in both orders, and the samples have its verdicts", () => {
    const results = of("shadow").flatMap(({ judged }) => judged ?? []);
    const sound = results.filter(({ why }) => why === null);
    expect(sound.length).toBeGreaterThan(30);
    expect(sound.every(({ promptTokens }) => promptTokens === 200)).toBe(true);
    const losses = sound.filter(({ w, ab, ba }) => w === 0 && ab === "A" && ba === "B");
    expect(losses.length / sound.length).toBeGreaterThan(0.9);
    expect(judge.seen.length).toBeGreaterThanOrEqual(2 * sound.length);
  });

  test("gets no request whose client says no, and no e-mail address", () => {
    const asked = judge.seen.map(({ request }) => request);
    const having = (text: string) => asked.filter((each) => each.includes(text)).length;
    expect(having("Openly asked")).toBeGreaterThan(60);
    expect(having("[e-mail]")).toBeGreaterThan(10);
    expect([having("Privately"), having("jane@")]).toEqual([0, 0]);
    const optedOut = of("shadow").filter(({ judged }) => judged?.why === "opted_out");
    expect(optedOut.length).toBeGreaterThan(15);
  });

  test("compares the primary with the control, which gets its percent of the requests", () => {
    const share = of("again").length / of("shadow").length;
    expect(share).toBeGreaterThan(0.25);
    expect(share).toBeLessThan(0.75);
    expect(of("again").some(({ judged }) => judged?.w === 0)).toBe(true);
    const withFloor = new Set(of("again").map(({ id }) => id));
    expect(of("shadow").filter(({ id }) => withFloor.has(id)).length).toBeGreaterThan(10);
  });

  test("is in the report with its win rate, consistency and cost", async () => {
    const { reports } = await compared.gateway.json<{ reports: readonly ShadowReport[] }>(
      "/v1/report",
    );
    const report = reports.find(({ candidate }) => candidate.pool === "default/shadow");
    const found = report?.outputs?.judge;
    expect(found?.pairs).toBeGreaterThan(30);
    expect(found?.loss).toBeGreaterThan(0.9);
    expect(found?.consistency).toBeGreaterThan(0.9);
    expect(found?.mu).toBeLessThan(0.1);
    expect(found?.cost_usd).toBeGreaterThan(5);
    expect(found?.control_mu).toBeLessThan(0.1);
    expect(found?.not_judged.opted_out).toBeGreaterThan(15);
    expect(report?.gates.map(({ id }) => id)).toContain("out.judge");
  });

  test("is counted, with its cost", async () => {
    const page = await (await fetch(`http://${compared.gateway.admin}/metrics`)).text();
    expect(page).toMatch(/^umbra_shadow_judge_calls_total\{outcome="ok"\} \d{2,}$/m);
    expect(page).toMatch(/^umbra_shadow_judge_cost_usd_total \d/m);
  });

  test("leaves no text in samples and reports", async () => {
    const written = readFileSync(compared.file, "utf8");
    const reports = JSON.stringify(await compared.gateway.json("/v1/report"));
    for (const text of ["simulated model", "these words", "Openly", "Privately", "jane"]) {
      expect(written).not.toContain(text);
      expect(reports).not.toContain(text);
    }
  });
});

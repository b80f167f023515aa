import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { ShadowReport } from "@umbra/shadow";
import { post } from "./harness/client.ts";
import { type ComparedLanes, startComparedLanes } from "./harness/compared-lanes.ts";
import { until } from "./harness/until.ts";

const policy = `  candidates:
    - backendRef: {name: same}
    - backendRef: {name: broken}
    - backendRef: {name: again}
      role: control
  sampling: {percent: 100}
  budget: {maxInFlight: 64, maxBodyBytes: 65536}
  evaluation: {horizon: 30s, warmup: 1s, minPairs: 200, blockLengths: [500ms, 1s]}`;

const noise = { textNoise: 0.3 };
const lanes = {
  primary: { ...noise, seed: 1 },
  same: { ...noise, seed: 2 },
  again: { ...noise, seed: 3 },
  broken: { brokenToolCalls: 0.5, seed: 4 },
};
const requests = 300;
const enoughPairs = 250;

const tools = [
  {
    type: "function",
    function: {
      name: "get_weather",
      parameters: { type: "object", required: ["city"], properties: { city: { type: "string" } } },
    },
  },
];

/** Every second request offers a tool; the others are greedy text. */
function body(index: number): string {
  return JSON.stringify({
    model: "/model/llama2",
    ...{ max_completion_tokens: 20, temperature: 0, stream: index % 3 !== 0 },
    messages: [{ role: "user", content: "What is the weather like in Rome?" }],
    ...(index % 2 === 0 ? { tools } : {}),
  });
}

describe("answers compared on a real Envoy", () => {
  let compared: ComparedLanes;

  const of = (candidate: string) => compared.of(candidate);

  beforeAll(async () => {
    const mirrors = ["same", "broken", "again"];
    compared = await startComparedLanes({ lanes, mirrors, policy });
    for (let i = 0; i < requests; i++) {
      expect((await post(compared.gateway.origin, body(i))).status).toBe(200);
    }
    await until("the pairs are stored", async () => {
      await compared.gateway.json("/v1/report");
      compared.readSamples();
      // A busy machine may drop some twins.
      return mirrors.every((name) => of(name).length >= enoughPairs);
    });
  }, 180_000);

  afterAll(async () => {
    await compared?.stop();
  });

  test("every pair is compared, and its request is known", () => {
    const all = ["same", "broken", "again"].flatMap(of);
    expect(new Set(all.map(({ cmp }) => cmp?.why))).toEqual(new Set([null]));
    const known = { decode: "greedy", script: "Latin", model: "/model/llama2" };
    const requestOf = (shape: "text" | "tools") => all.find(({ req }) => req?.shape === shape)?.req;
    expect(requestOf("text")).toEqual({ ...known, shape: "text", tools: 0 });
    expect(requestOf("tools")).toEqual({ ...known, shape: "tools", tools: 1 });
  });

  test("the same model agrees with the primary as the primary agrees with itself", () => {
    const exactShare = (candidate: string) => {
      const texts = of(candidate).filter(({ req }) => req?.shape === "text");
      return texts.filter(({ cmp }) => cmp?.exact === 1).length / texts.length;
    };
    // Both answers have no noise: 0.7 x 0.7.
    expect(exactShare("again")).toBeGreaterThan(0.3);
    expect(exactShare("again")).toBeLessThan(0.7);
    expect(Math.abs(exactShare("same") - exactShare("again"))).toBeLessThan(0.2);
  });

  test("invalid arguments of tool calls are found", () => {
    const called = of("broken").filter(({ req }) => req?.shape === "tools");
    const bad = called.filter(({ shadow }) => shadow?.out?.toolBad === 1);
    const badShare = bad.length / called.length;
    expect(called.filter(({ primary }) => primary.out?.toolBad === 1)).toEqual([]);
    expect(badShare).toBeGreaterThan(0.3);
    expect(badShare).toBeLessThan(0.7);
  });

  test("the running evaluation judges them, and its report has no text", async () => {
    const { reports } = await compared.gateway.json<{ reports: readonly ShadowReport[] }>(
      "/v1/report",
    );
    const toolBad = (candidate: string) =>
      reports
        .find((report) => report.candidate.pool.includes(candidate))
        ?.gates.find(({ id }) => id === "out.toolBad");
    expect(toolBad("broken")).toMatchObject({ required: true, primary: 0 });
    expect(toolBad("broken")?.n).toBeGreaterThan(10);
    expect(toolBad("broken")?.shadow).toBeGreaterThan(0.3);
    expect(toolBad("same")).toMatchObject({ primary: 0, shadow: 0 });
    expect(JSON.stringify(reports)).not.toMatch(/weather|simulated model|these words/);
  });

  test("no text of prompts or answers is in the samples", () => {
    const written = readFileSync(compared.file, "utf8");
    for (const text of ["weather", "simulated model", "these words", "What is the"]) {
      expect(written).not.toContain(text);
    }
  });
});

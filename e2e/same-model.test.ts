import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Sample, ShadowReport } from "@umbra/shadow";
import { post } from "./harness/client.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";
import { policyScenario } from "./harness/resources.ts";
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
  const servers: Record<string, ModelServer[]> = {};
  const folder = mkdtempSync(join(tmpdir(), "umbra-same-model-"));
  const file = join(folder, "samples.ndjson");
  let gateway: Gateway;
  let samples: readonly Sample[] = [];
  let report: ShadowReport | undefined;

  const of = (candidate: string) =>
    samples.filter(
      ({ candidate: pool, primary, shadow }) =>
        pool === `default/${candidate}` && primary.class === "ok" && shadow?.class === "ok",
    );
  /** Requests that all three lanes answered: what the candidate's and the control's comparisons say. */
  const triples = () => {
    const controls = new Map(of("again").map(({ id, cmp }) => [id, cmp]));
    return of("shadow").flatMap(({ id, cmp, req }) => {
      const control = controls.get(id);
      return cmp === undefined || control === undefined ? [] : [{ shadow: cmp, control, req }];
    });
  };

  beforeAll(async () => {
    for (const [name, options] of Object.entries(lanes)) {
      servers[name] = await startModelServers(1, options);
    }
    const pools = Object.fromEntries(
      Object.entries(servers).map(([name, lane]) => [name, addresses(lane)]),
    );
    gateway = await startGateway({
      resources: policyScenario({
        ...{ backends: { primary: 1 }, mirrors: ["shadow", "again"], pools, policy },
      }),
      serveFlags: ["--samples", file],
    });
    for (let i = 0; i < requests; i++) {
      expect((await post(gateway.origin, body(i))).status).toBe(200);
    }
    await until("the pairs are stored", async () => {
      const { reports } = await gateway.json<{ reports: readonly ShadowReport[] }>("/v1/report");
      report = reports.find(({ candidate }) => candidate.pool === "default/shadow");
      samples = readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line.includes('"mirrored"'))
        .map((line): Sample => JSON.parse(line) as Sample);
      return of("shadow").length >= enoughPairs && triples().length >= 30;
    });
  }, 180_000);

  afterAll(async () => {
    await gateway?.stop();
    await stopModelServers(Object.values(servers).flat());
    rmSync(folder, { recursive: true, force: true });
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

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sample, ShadowReport } from "@umbra/shadow";
import { post } from "../harness/client.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { policyScenario } from "../harness/resources.ts";
import { until } from "../harness/until.ts";
import type { Check } from "./check.ts";
import { agreesAtItsFloor, everyPairIsCompared, isFoundDifferent, noTextIsKept } from "./said.ts";

export interface OutputsSetting {
  /** Servers of each lane, as `HOST:PORT`, separated by commas. The other model has the primary's name. */
  readonly pools: Readonly<Record<"primary" | "same" | "control" | "other", string>>;
  readonly model: string;
  /** Number of requests. */
  readonly count: number;
}

const policy = `  candidates:
    - backendRef: {name: same}
    - backendRef: {name: other}
    - backendRef: {name: control}
      role: control
  sampling: {percent: 100}
  budget: {maxInFlight: 64, maxBodyBytes: 65536}
  evaluation: {horizon: 1h, warmup: 1s, minPairs: 200, sameModel: true, blockLengths: [1s, 2s]}`;

const subjects = ["the weather", "orders", "a lazy dog", "euros", "users", "a table", "rows"];

/** Every second one is greedy, so that a model says the same again. Every third answer is not streamed. */
function body(model: string, index: number): string {
  const content = `${index}: what do you know about ${subjects[index % subjects.length]}?`;
  return JSON.stringify({
    model,
    ...{ max_completion_tokens: 24, stream: index % 3 !== 0 },
    ...(index % 2 === 0 ? { temperature: 0 } : { temperature: 0.7 }),
    messages: [{ role: "user", content }],
  });
}

/** Sends requests, four at a time. */
async function sendAll({ origin }: Gateway, { model, count }: OutputsSetting): Promise<void> {
  let next = 0;
  const sender = async () => {
    while (next < count) {
      const { status, text } = await post(origin, body(model, next++));
      if (status !== 200) throw new Error(`a request was answered with ${status}: ${text}`);
    }
  };
  await Promise.all(Array.from({ length: 4 }, sender));
}

async function compare(
  gateway: Gateway,
  file: string,
  setting: OutputsSetting,
): Promise<readonly Check[]> {
  await sendAll(gateway, setting);
  let samples: readonly Sample[] = [];
  const pairsOf = (pool: string) =>
    samples.filter((each) => each.candidate === `default/${pool}` && each.shadow?.class === "ok");
  await until(
    "most pairs are stored",
    async () => {
      await gateway.json("/v1/report");
      samples = readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line.includes('"mirrored"'))
        .map((line): Sample => JSON.parse(line) as Sample);
      return ["same", "other", "control"].every(
        (pool) => pairsOf(pool).length >= 0.9 * setting.count,
      );
    },
    120_000,
  );
  const { reports } = await gateway.json<{ reports: readonly ShadowReport[] }>("/v1/report");
  const reportOf = (pool: string) =>
    reports.find(({ candidate }) => candidate.pool === `default/${pool}`);
  return [
    everyPairIsCompared(["same", "other", "control"].flatMap(pairsOf)),
    agreesAtItsFloor(reportOf("same")),
    isFoundDifferent(reportOf("other")),
    noTextIsKept([readFileSync(file, "utf8"), JSON.stringify(reports)], subjects),
  ];
}

/** Compares answers of real servers on a real Envoy: of the same model twice, and of another model. */
export async function answersAreJudged(setting: OutputsSetting): Promise<readonly Check[]> {
  const folder = mkdtempSync(join(tmpdir(), "umbra-real-vllm-"));
  const file = join(folder, "samples.ndjson");
  const mirrors = ["same", "other", "control"];
  const gateway = await startGateway({
    resources: policyScenario({
      ...{ backends: { primary: 1 }, mirrors, pools: setting.pools, policy },
    }),
    serveFlags: ["--samples", file],
  });
  try {
    return await compare(gateway, file, setting);
  } finally {
    await gateway.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

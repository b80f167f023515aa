// The whole path through a real Envoy: no ext_proc, pick, with what is evaluated observed, and mirrored. In turns within
// one run; what counts is the ratio. `npm run bench:path [-- seconds-per-cell]`
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { directTopology, readTopology, renderBootstrap, type Topology } from "@umbra/envoy-config";
import { Agent, request } from "undici";
import { freePorts } from "../e2e/harness/ports.ts";
import { startProcess, startUmbra } from "../e2e/harness/processes.ts";
import { policyScenario } from "../e2e/harness/resources.ts";
import { until } from "../e2e/harness/until.ts";
import { median } from "./harness/child.ts";

const seconds = Number(process.argv[2] ?? 2);
const rounds = 3;
const envoy =
  process.env.ENVOY_BIN ?? new URL("../.cache/envoy/1.40.0/envoy", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "umbra-bench-"));
const simulated = [
  "simulate",
  "--replicas",
  "2",
  "--time-scale",
  "0",
  "-o",
  "json",
  "--port",
  "0",
  "--",
  "--model",
  "m",
  "--max-model-len",
  "1000000",
  "--num-gpu-blocks-override",
  "1000000",
];
const running = [startUmbra(...simulated), startUmbra(...simulated)];
const [primary = [], shadow = []] = await Promise.all(
  running.map(async ({ output }) => {
    await until("the servers listen", () => output().includes("endpoints"));
    const line =
      output()
        .split("\n")
        .find((each) => each.startsWith("{")) ?? "{}";
    return (JSON.parse(line) as { endpoints: string[] }).endpoints;
  }),
);

interface Case {
  readonly name: string;
  readonly picker: "umbra" | "none";
  /** Spec of a ShadowPolicy; without one there is no mirror. */
  readonly policy?: string;
}

// With the budget of a real evaluation mirroring would end in the middle of the run.
const budget = "  budget: {maxInFlight: 1024, maxRequests: 1000000000, maxBodyBytes: 33554432}";
const cases: readonly Case[] = [
  { name: "no ext_proc", picker: "none" },
  { name: "pick", picker: "umbra" },
  {
    name: "pick, none evaluated",
    picker: "umbra",
    policy: `${budget}\n  sampling: {percent: 0}\n  evaluation: {observeUnmirrored: 0}`,
  },
  {
    name: "pick + observe",
    picker: "umbra",
    policy: `${budget}\n  sampling: {percent: 0}\n  evaluation: {observeUnmirrored: 100}`,
  },
  { name: "pick + observe + mirror", picker: "umbra", policy: budget },
];

const origins = new Map<string, string>();
for (const { name, picker, policy } of cases) {
  const [port = 0, grpc, admin, envoyAdmin] = await freePorts(4);
  const resources = join(folder, `${port}.resources.yaml`);
  const topology =
    policy === undefined ? direct(port, picker) : withPolicy(port, resources, policy);
  const file = join(folder, `${port}.yaml`);
  writeFileSync(
    file,
    renderBootstrap(topology, {
      sidecar: `127.0.0.1:${grpc}`,
      envoyAdmin: `127.0.0.1:${envoyAdmin}`,
    }),
  );
  const lanes = policy === undefined ? ["--primary", primary.join(",")] : ["-f", resources];
  const addresses = [
    "--grpc",
    `127.0.0.1:${grpc}`,
    "--admin",
    `127.0.0.1:${admin}`,
    "--envoy-admin",
    `127.0.0.1:${envoyAdmin}`,
  ];
  running.push(startUmbra("serve", ...lanes, ...addresses));
  running.push(
    startProcess(
      envoy,
      "-c",
      file,
      "--concurrency",
      "1",
      "--log-level",
      "error",
      "--disable-hot-restart",
    ),
  );
  await until(
    `${name} is ready`,
    async () => (await statusOf(`http://127.0.0.1:${admin}/readyz`)) === 200,
  );
  origins.set(name, `http://127.0.0.1:${port}`);
}

process.stdout.write(
  "requests/s and ms, medians of rounds; ratio = median of the rounds' own ratios to no ext_proc\n",
);
process.stdout.write(
  "case                      body  in flight  requests/s  ratio    p50    p99  failed\n",
);
for (const bodyBytes of [1_024, 65_536]) {
  const body = JSON.stringify({
    model: "m",
    max_tokens: 4,
    messages: [{ role: "user", content: "x".repeat(bodyBytes) }],
  });
  for (const inFlight of [1, 16]) {
    const results = new Map(cases.map(({ name }) => [name, [] as Result[]]));
    for (let round = 0; round <= rounds; round++) {
      for (const { name } of cases) {
        const result = await measure(origins.get(name) ?? "", body, inFlight);
        // The first round warms up.
        if (round > 0) results.get(name)?.push(result);
      }
    }
    const base = results.get("no ext_proc") ?? [];
    for (const [name, all] of results) {
      const ratio = median(all.map(({ rate }, i) => rate / (base[i]?.rate ?? Number.NaN)));
      const middle = (of: (result: Result) => number) => median(all.map(of));
      const failed = all.reduce((sum, each) => sum + each.failed, 0);
      const cells = [
        name.padEnd(24),
        String(bodyBytes).padStart(6),
        String(inFlight).padStart(9),
        middle(({ rate }) => rate)
          .toFixed(0)
          .padStart(11),
      ];
      process.stdout.write(
        `${[
          ...cells,
          ratio.toFixed(2).padStart(7),
          middle(({ p50 }) => p50)
            .toFixed(2)
            .padStart(6),
          middle(({ p99 }) => p99)
            .toFixed(2)
            .padStart(6),
          String(failed).padStart(7),
        ].join(" ")}\n`,
      );
    }
  }
}
await Promise.all(running.map((each) => each.stop()));
rmSync(folder, { recursive: true, force: true });
process.stdout.write("\nBelow saturation: what clients see of mirroring\n");
await import("./mirror.ts");

function direct(port: number, picker: Case["picker"]): Topology {
  const topology = directTopology({ primary, shadow: [], port, bindAddress: "127.0.0.1" });
  return { ...topology, pools: topology.pools.map((pool) => ({ ...pool, picker })) };
}

function withPolicy(port: number, file: string, policy: string): Topology {
  const pools = { primary: primary.join(","), shadow: shadow.join(",") };
  const text = policyScenario({ backends: { primary: 1 }, mirrors: ["shadow"], pools, policy });
  writeFileSync(file, text);
  const listenerPorts = new Map([["http", port]]);
  const options = { listenerPorts, bindAddress: "127.0.0.1" };
  return readTopology([{ name: file, text }], options).topology;
}

interface Result {
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
  readonly failed: number;
}

async function measure(origin: string, body: string, inFlight: number): Promise<Result> {
  const dispatcher = new Agent({ connections: inFlight, pipelining: 1 });
  const started = performance.now();
  const end = started + seconds * 1_000;
  const times: number[] = [];
  let failed = 0;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (performance.now() < end) {
        const sent = performance.now();
        const answer = await request(`${origin}/v1/chat/completions`, {
          method: "POST",
          body,
          headers: { host: "example.com", "content-type": "application/json" },
          dispatcher,
        });
        await answer.body.dump();
        if (answer.statusCode !== 200) failed++;
        times.push(performance.now() - sent);
      }
    }),
  );
  await dispatcher.destroy();
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
  return {
    rate: times.length / ((performance.now() - started) / 1_000),
    p50: at(0.5),
    p99: at(0.99),
    failed,
  };
}

async function statusOf(url: string): Promise<number> {
  try {
    const { statusCode, body } = await request(url);
    await body.dump();
    return statusCode;
  } catch {
    // Not listening yet.
    return 0;
  }
}

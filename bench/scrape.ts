// What scraping costs: the sidecar's own loop against many small servers on loopback. `npm run bench:scrape`
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { directTopology, type Topology } from "@umbra/envoy-config";
import { createPoolRegistry } from "../packages/sidecar/src/pools/pool-registry.ts";
import { startScrapeLoop } from "../packages/sidecar/src/scrape/scrape-loop.ts";

const barShare = 0.3;
const seconds = 8;
const now = () => performance.now();
let isMissed = false;

process.stdout.write(
  "endpoints  page, KB   governor   core share   scrapes/s   interval ms   oldest ms\n",
);
for (const { endpoints, bytes, maxShare } of [
  { endpoints: 16, bytes: 20_000, maxShare: undefined },
  { endpoints: 200, bytes: 20_000, maxShare: undefined },
  { endpoints: 200, bytes: 300_000, maxShare: undefined },
  { endpoints: 200, bytes: 20_000, maxShare: 1_000 },
]) {
  const made = await measure(endpoints, bytes, maxShare);
  if (maxShare === undefined && made.share > barShare) isMissed = true;
  const cells = [
    String(endpoints).padStart(9),
    (bytes / 1_000).toFixed(0).padStart(9),
    (maxShare === undefined ? "on" : "off").padStart(10),
    `${(100 * made.share).toFixed(1)} %`.padStart(12),
    made.rate.toFixed(0).padStart(11),
    made.intervalMs.toFixed(0).padStart(13),
    made.oldestMs.toFixed(0).padStart(11),
  ];
  process.stdout.write(`${cells.join(" ")}\n`);
}
process.stdout.write(`at most ${100 * barShare} % of a core are asked for, with the governor on\n`);
process.exitCode = isMissed ? 1 : 0;

async function measure(endpoints: number, bytes: number, maxShare: number | undefined) {
  const { child, ports } = await startServers(endpoints, bytes);
  const registry = createPoolRegistry(topologyOf(ports), {
    now,
    random: Math.random,
    staleAfterMs: 2_000,
  });
  let scrapes = 0;
  let failures = 0;
  const loop = startScrapeLoop({
    pools: registry,
    intervalMs: 100,
    staleAfterMs: 2_000,
    timeoutMs: 1_000,
    now,
    random: Math.random,
    ...(maxShare === undefined ? {} : { maxShare }),
    onScrape(_pools, outcome) {
      scrapes++;
      if (outcome !== "ok") failures++;
    },
  });
  try {
    await passed(3_000);
    scrapes = 0;
    const [cpu, started] = [process.cpuUsage(), now()];
    let oldestMs = 0;
    const looking = setInterval(() => {
      for (const { metricsAgeMs = 0 } of registry.get("bench")?.state.snapshot().endpoints ?? []) {
        oldestMs = Math.max(oldestMs, metricsAgeMs);
      }
    }, 500);
    await passed(seconds * 1_000);
    clearInterval(looking);
    const { user, system } = process.cpuUsage(cpu);
    const elapsedMs = now() - started;
    if (failures > 0) throw new Error(`${failures} scrapes have failed`);
    return {
      share: (user + system) / 1_000 / elapsedMs,
      rate: (1_000 * scrapes) / elapsedMs,
      intervalMs: loop.intervalMs(),
      oldestMs,
    };
  } finally {
    await loop.close();
    child.kill();
  }
}

async function startServers(count: number, bytes: number) {
  const child: ChildProcess = spawn(
    process.execPath,
    [fileURLToPath(new URL("scrape/servers.ts", import.meta.url)), String(count), String(bytes)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  if (child.stdout === null) throw new Error("the servers have no output");
  const [line] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
  return { child, ports: JSON.parse(line) as readonly number[] };
}

function topologyOf(ports: readonly number[]): Topology {
  const primary = ports.map((port) => `127.0.0.1:${port}`);
  const direct = directTopology({ primary, shadow: [], port: 1 });
  return { ...direct, listeners: [] };
}

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

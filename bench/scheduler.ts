// How long a pick takes, the default profile, by pool size; and whether memory stays flat. `npm run bench:scheduler`
import { createPool, type ModelServerMetrics } from "@umbra/scheduler";

const bars = [
  { endpoints: 16, prompt: 0, barUs: 5 },
  { endpoints: 100, prompt: 0, barUs: 20 },
  { endpoints: 1_000, prompt: 0, barUs: 200 },
  { endpoints: 16, prompt: 2_048, barUs: 50 },
  { endpoints: 16, prompt: 102_400, barUs: 500 },
] as const;

let isMissed = false;
process.stdout.write("endpoints  prompt bytes   p50 µs   p99 µs   bar µs  heap, bytes a pick\n");
for (const { endpoints, prompt, barUs } of bars) {
  const { p50, p99, heapSlope } = measure(endpoints, prompt);
  isMissed ||= p50 > barUs || heapSlope > 16;
  const cells = [String(endpoints).padStart(9), String(prompt).padStart(13)];
  const numbers = [p50, p99].map((us) => us.toFixed(2).padStart(8));
  process.stdout.write(
    `${[...cells, ...numbers, String(barUs).padStart(8), heapSlope.toFixed(2).padStart(19)].join(" ")}\n`,
  );
}
process.stdout.write(isMissed ? "a bar is missed\n" : "every bar is kept\n");
process.exitCode = isMissed ? 1 : 0;

/** Picks as a sidecar does: leases end, every endpoint is scraped now and then, prompts come back. */
function measure(count: number, promptBytes: number) {
  const clock = { ms: 0 };
  const pool = createPool({ name: "bench", now: () => clock.ms });
  const addresses = Array.from({ length: count }, (_, i) => `10.0.${i >> 8}.${i & 255}:8000`);
  pool.setEndpoints(addresses);
  for (const [i, address] of addresses.entries()) pool.recordScrape(address, metrics(i), 0);
  const prompts = Array.from({ length: promptBytes === 0 ? 0 : 64 }, (_, i) =>
    Uint8Array.from({ length: promptBytes }, (_, at) => (at * 31 + (at > 1_024 ? i : i % 8)) % 251),
  );
  const picks = Math.max(4_000, Math.min(100_000, 10_000_000 / count));
  const times = new Float64Array(picks);
  const leases: { done(): void }[] = [];

  function run(times: Float64Array | undefined): void {
    for (let i = 0; i < picks; i++) {
      const prompt = prompts[i % 64];
      const request = prompt === undefined ? { model: "base" } : { model: "base", prompt };
      const started = performance.now();
      const result = pool.pick(request);
      if (times !== undefined) times[i] = (performance.now() - started) * 1_000;
      if (result.ok) leases.push(result.lease);
      if (leases.length > 4 * count) leases.splice(0, count).forEach((lease) => void lease.done());
      clock.ms += 0.1;
      const at = i % count;
      pool.recordScrape(addresses[at] as string, metrics(at), clock.ms);
    }
  }

  run(undefined);
  const before = heapBytes();
  run(times);
  const heapSlope = (heapBytes() - before) / picks;
  times.sort();
  return {
    p50: times[Math.floor(picks / 2)] as number,
    p99: times[Math.floor(picks * 0.99)] as number,
    heapSlope,
  };

  function metrics(i: number): ModelServerMetrics {
    return {
      scrapedAtMs: clock.ms,
      waitingRequests: i % 7,
      runningRequests: i % 40,
      kvCacheUsage: (i % 90) / 100,
      activeAdapters: new Set([`lora-${i % 5}`]),
      maxActiveAdapters: 4,
      kvBlocks: 4_096,
      kvBlockTokens: 16,
    };
  }
}

function heapBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

// How long a large metrics page takes to read. `npm run bench:metrics`
import { readMetricsPage } from "@umbra/scheduler/metrics";
import { vllmPage } from "./metrics/vllm-page.ts";

const barMs = 3;
process.stdout.write("page, KB   median ms   p99 ms     MB/s\n");
let worst = 0;
for (const bytes of [20_000, 100_000, 300_000]) {
  const page = vllmPage(bytes);
  const read = readMetricsPage(page, 0);
  if (!read.ok || read.metrics.runningRequests !== 7) throw new Error("the page was not read");
  const times = Array.from({ length: 400 }, () => {
    const started = performance.now();
    readMetricsPage(page, 0);
    return performance.now() - started;
  }).toSorted((a, b) => a - b);
  const median = times[200] ?? Number.NaN;
  worst = Math.max(worst, median);
  const cells = [(page.length / 1_000).toFixed(0), median.toFixed(3), (times[396] ?? 0).toFixed(3)];
  process.stdout.write(
    `${cells.map((cell, i) => cell.padStart([8, 11, 8][i] ?? 0)).join(" ")} ${(page.length / 1_000 / median).toFixed(0).padStart(8)}\n`,
  );
}
process.stdout.write(`${barMs} ms are asked for\n`);
process.exitCode = worst <= barMs ? 0 : 1;

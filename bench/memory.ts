// Memory of the sidecar over many pairs: what grows without end is a leak. `npm run bench:memory [-- pairs]`
import { randomUUID } from "node:crypto";
import { startServer } from "./harness/child.ts";
import { connect } from "./harness/exchange.ts";
import { observe, pick, usageOf } from "./harness/twin-streams.ts";

const pairs = Number(process.argv[2] ?? 200_000);
const [streams, points, chunks] = [64, 20, 2];

const { port, child } = await startServer("recorder");
const client = connect(port);

async function twin(): Promise<void> {
  const requestId = randomUUID();
  for (const lane of ["primary", "shadow"] as const) {
    const { end } = await pick(client, lane, requestId);
    await observe(client, lane, requestId, chunks);
    end();
  }
}

process.stdout.write("pairs     RSS MB\n");
const seen: { pairs: number; rssMb: number }[] = [];
for (let point = 1; point <= points; point++) {
  let left = Math.round(pairs / points);
  await Promise.all(
    Array.from({ length: streams }, async () => {
      while (left-- > 0) await twin();
    }),
  );
  const usage = await usageOf(child);
  seen.push(usage);
  process.stdout.write(`${String(usage.pairs).padEnd(9)} ${usage.rssMb.toFixed(0).padStart(6)}\n`);
}
const half = seen.slice(points / 2);
process.stdout.write(`slope over the last half: ${slope(half).toFixed(1)} MB per 100,000 pairs\n`);
child.kill();
client.close();

/** Least squares, in MB per 100,000 pairs. */
function slope(of: readonly { readonly pairs: number; readonly rssMb: number }[]): number {
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const [x, y] = [mean(of.map((each) => each.pairs)), mean(of.map((each) => each.rssMb))];
  const above = of.reduce((sum, each) => sum + (each.pairs - x) * (each.rssMb - y), 0);
  const below = of.reduce((sum, each) => sum + (each.pairs - x) ** 2, 0);
  return (above / below) * 100_000;
}

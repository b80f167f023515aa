// Umbra's ext_proc server, default profile, 16 endpoints, against a bare grpc-js server that decides nothing.
// Both in one run, in turns; what counts is the ratio. `npm run bench:pick [-- seconds-per-cell]`
import type { Client } from "@grpc/grpc-js";
import { median, startServer } from "./harness/child.ts";
import { connect, type Exchange, exchangeOf, type Mode, modes, play } from "./harness/exchange.ts";

const seconds = Number(process.argv[2] ?? 1);
const rounds = 3;
const bodies = [1_024, 16_384];
const concurrencies = [16, 64];

const servers = { bare: await startServer("bare"), umbra: await startServer("umbra") };
const clients = { bare: connect(servers.bare.port), umbra: connect(servers.umbra.port) };
process.stdout.write("requests/s, median of rounds; ratio = median of the rounds' own ratios\n");
process.stdout.write("mode                  body   streams      bare     umbra  ratio\n");
let worst = Number.POSITIVE_INFINITY;
for (const mode of Object.keys(modes) as Mode[]) {
  for (const body of mode === "NONE" ? [0] : bodies) {
    for (const concurrency of concurrencies) {
      const exchange = exchangeOf(mode, body);
      const rates = { bare: [] as number[], umbra: [] as number[] };
      for (const name of ["bare", "umbra"] as const)
        await rate(clients[name], exchange, mode, concurrency, 0.3);
      for (let round = 0; round < rounds; round++) {
        for (const name of ["bare", "umbra"] as const) {
          rates[name].push(await rate(clients[name], exchange, mode, concurrency, seconds));
        }
      }
      const ratio = median(rates.umbra.map((each, i) => each / (rates.bare[i] ?? Number.NaN)));
      worst = Math.min(worst, ratio);
      const cells = [mode.padEnd(20), String(body).padStart(6), String(concurrency).padStart(9)];
      const numbers = [rates.bare, rates.umbra].map((each) => median(each).toFixed(0).padStart(9));
      process.stdout.write(`${[...cells, ...numbers, ratio.toFixed(2).padStart(6)].join(" ")}\n`);
    }
  }
}
process.stdout.write(`worst ratio ${worst.toFixed(2)} (0.8 is asked for)\n`);
for (const { child } of Object.values(servers)) child.kill();
for (const client of Object.values(clients)) client.close();
process.exitCode = worst >= 0.8 ? 0 : 1;

/** Requests per second with `concurrency` streams open all the time. */
async function rate(
  client: Client,
  exchange: Exchange,
  mode: Mode,
  concurrency: number,
  forSeconds: number,
): Promise<number> {
  const started = performance.now();
  const end = started + forSeconds * 1_000;
  let done = 0;
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (performance.now() < end) {
        await play(client, exchange, mode === "FULL_DUPLEX_STREAMED");
        done++;
      }
    }),
  );
  return done / ((performance.now() - started) / 1_000);
}

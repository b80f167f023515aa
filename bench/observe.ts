// What measuring costs: CPU of the sidecar for each copied chunk of an answer, and the chunks a second that one core
// bears; and the cost of a request that is not evaluated. `npm run bench:observe [-- seconds]`
import { randomUUID } from "node:crypto";
import { median, startServer } from "./harness/child.ts";
import { connect } from "./harness/exchange.ts";
import { observe, pick, usageOf } from "./harness/twin-streams.ts";

const seconds = Number(process.argv[2] ?? 3);
const [streams, chunks, rounds] = [32, 200, 3];
const wanted = 30_000;

const { port, child } = await startServer("recorder");
const client = connect(port);

/** Runs `one` in parallel for the time; returns what the server's CPU spent on each call, in µs. */
async function cost(one: () => Promise<void>): Promise<{ us: number; perSecond: number }> {
  const before = await usageOf(child);
  const started = performance.now();
  let calls = 0;
  await Promise.all(
    Array.from({ length: streams }, async () => {
      while (performance.now() - started < seconds * 1_000) {
        await one();
        calls++;
      }
    }),
  );
  const after = await usageOf(child);
  const elapsed = performance.now() - started;
  return {
    us: ((after.cpuMs - before.cpuMs) * 1_000) / calls,
    perSecond: (calls * 1_000) / elapsed,
  };
}

const evaluated = async () => {
  const requestId = randomUUID();
  const { end } = await pick(client, "primary", requestId);
  await observe(client, "primary", requestId, chunks);
  end();
};
const short = async () => {
  const requestId = randomUUID();
  const { end } = await pick(client, "primary", requestId);
  await observe(client, "primary", requestId, 0);
  end();
};
/** Nobody has picked it: as a request that is not evaluated, it ends at its first message. */
const unevaluated = () => observe(client, "primary", randomUUID(), chunks);

await cost(evaluated);
const perChunk: number[] = [];
const ended: number[] = [];
for (let round = 0; round < rounds; round++) {
  const [long, none] = [await cost(evaluated), await cost(short)];
  perChunk.push((long.us - none.us) / chunks);
  ended.push((await cost(unevaluated)).us);
}
const us = median(perChunk);
const bears = 1_000_000 / us;
process.stdout.write(`CPU per chunk (${chunks} in a stream): ${us.toFixed(1)} µs\n`);
process.stdout.write(`chunks/s that one core bears: ${bears.toFixed(0)} (${wanted} are wanted)\n`);
process.stdout.write(
  `a request of ${chunks} chunks that is not evaluated: ${median(ended).toFixed(0)} µs in all\n`,
);
child.kill();
client.close();
process.exitCode = bears >= wanted ? 0 : 1;

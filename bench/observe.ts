// What measuring costs for each copied chunk of an answer: of the thread that picks, and of the others (the one that reads
// answers, and the garbage collector's); the chunks a second that the picking thread bears in one core; and what a request
// costs that is not evaluated: with answers compared by their texts, by sketches, and not at all, in turns.
// `npm run bench:observe [-- seconds [other checkout]]`: another checkout is measured in turns too.
import type { ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@grpc/grpc-js";
import { median, startServer, startServerOf } from "./harness/child.ts";
import { connect } from "./harness/exchange.ts";
import { observe, pick, type Usage, usageOf } from "./harness/twin-streams.ts";

const seconds = Number(process.argv[2] ?? 3);
const other = process.argv[3];
const [streams, chunks, rounds] = [32, 200, other === undefined ? 3 : 7];
const wanted = 100_000;
/** With texts compared, of all threads together. */
const wantedOfAll = 30_000;

interface Server {
  readonly name: string;
  readonly child: ChildProcess;
  readonly client: Client;
}

interface Cost {
  /** CPU of the thread that picks, in µs. */
  readonly picking: number;
  /** CPU of all other threads, in µs. */
  readonly others: number;
}

/** CPU of the process's first thread, in ms: the one that picks. */
function pickingMs({ pid }: ChildProcess): number {
  const [nanoseconds] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8").split(" ");
  return Number(nanoseconds) / 1e6;
}

/** Runs `one` in parallel for the time; returns what the server's CPU spent on each call. */
async function cost(one: Play, server: Server): Promise<Cost> {
  const { child } = server;
  const [before, pickingBefore] = [await usageOf(child), pickingMs(child)];
  const started = performance.now();
  let calls = 0;
  await Promise.all(
    Array.from({ length: streams }, async () => {
      while (performance.now() - started < seconds * 1_000) {
        await one.play(server);
        calls++;
      }
    }),
  );
  const after = await measured(server, before.tokens + calls * one.tokens);
  const picking = pickingMs(child) - pickingBefore;
  const all = after.cpuMs - before.cpuMs;
  return { picking: (picking * 1_000) / calls, others: ((all - picking) * 1_000) / calls };
}

/** What is used once this many tokens were measured: a mirror that is paused would make chunks cheap. */
async function measured({ name, child }: Server, tokens: number): Promise<Usage> {
  const untilMs = performance.now() + 10_000;
  for (;;) {
    const usage = await usageOf(child);
    if (usage.tokens >= tokens) return usage;
    if (performance.now() > untilMs) {
      throw new Error(`${name}: ${usage.tokens} of ${tokens} tokens were measured`);
    }
    await sleep(20);
  }
}

interface Play {
  readonly tokens: number;
  readonly play: (server: Server) => Promise<void>;
}

/** A request whose primary answers with this many tokens, and its twin with one: without twins the breaker opens. */
function evaluated(tokens: number): Play {
  return {
    tokens,
    async play({ client }) {
      const requestId = randomUUID();
      const primary = await pick(client, "primary", requestId);
      const twin = await pick(client, "shadow", requestId);
      await observe(client, "primary", requestId, tokens);
      primary.end();
      await observe(client, "shadow", requestId, 1);
      twin.end();
    },
  };
}

/** Nobody has picked it: as a request that is not evaluated, it ends at its first message. */
const unevaluated: Play = {
  tokens: 0,
  play: ({ client }) => observe(client, "primary", randomUUID(), chunks),
};

interface Rounds {
  readonly chunk: Cost[];
  /** Of a pair whose primary answers nothing, and its twin one token. */
  readonly pair: Cost[];
  readonly unevaluated: number[];
}

async function round(server: Server, { chunk, pair, unevaluated: ended }: Rounds): Promise<void> {
  const long = await cost(evaluated(chunks), server);
  const none = await cost(evaluated(0), server);
  chunk.push({
    picking: (long.picking - none.picking) / chunks,
    others: (long.others - none.others) / chunks,
  });
  pair.push(none);
  ended.push((await cost(unevaluated, server)).picking);
}

interface Bears {
  /** Chunks a second that the picking thread bears in one core. */
  readonly picking: number;
  /** And all threads together. */
  readonly all: number;
}

function report({ name, child }: Server, rounds: Rounds): Bears {
  const picking = median(rounds.chunk.map((each) => each.picking));
  const others = median(rounds.chunk.map((each) => each.others));
  const pair = median(rounds.pair.map((each) => each.picking));
  const bears = { picking: 1_000_000 / picking, all: 1_000_000 / (picking + others) };
  const lines = [
    `${name}: CPU for each chunk (${chunks} in a stream), median of ${rounds.chunk.length}:`,
    `  the thread that picks: ${picking.toFixed(2)} µs; the others: ${others.toFixed(2)} µs`,
    `  chunks/s that the picking thread bears: ${bears.picking.toFixed(0)} (${wanted} are wanted)`,
    `  chunks/s a core of all threads: ${bears.all.toFixed(0)} (${wantedOfAll} are wanted)`,
    `  a pair without them takes the picking thread ${pair.toFixed(0)} µs`,
    `  a request of ${chunks} chunks that is not evaluated: ${median(rounds.unevaluated).toFixed(0)} µs in all`,
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
  child.kill();
  return bears;
}

async function serve(name: string, started: ReturnType<typeof startServer>): Promise<Server> {
  const { port, child } = await started;
  return { name, child, client: connect(port) };
}

const servers: Server[] = [];
for (const mode of ["numbers", "sketch", "off"]) {
  servers.push(await serve(`here, outputs ${mode}`, startServer("recorder", mode)));
}
if (other !== undefined) servers.push(await serve(other, startServerOf(other, "recorder")));
const costs = servers.map((): Rounds => ({ chunk: [], pair: [], unevaluated: [] }));
for (const server of servers) await cost(evaluated(chunks), server);
for (let i = 0; i < rounds; i++) {
  for (const [at, server] of servers.entries()) await round(server, costs[at] as Rounds);
}
const bears: Bears[] = [];
for (const [at, server] of servers.entries()) {
  bears.push(report(server, costs[at] as Rounds));
  server.client.close();
}
const [numbers] = bears;
const isGood = numbers !== undefined && numbers.picking >= wanted && numbers.all >= wantedOfAll;
process.exitCode = isGood ? 0 : 1;

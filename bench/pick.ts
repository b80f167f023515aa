// `umbra serve` as it is shipped, default profile, 16 endpoints, against a bare grpc-js server that decides nothing:
// requests a second, latency of the pick, CPU for 1,000 requests. All in one run, in turns; what counts are the ratios.
// Linux only: CPU time and memory are read from /proc.
// `npm run bench:pick -- --help`

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { pickCallHeaders } from "./harness/call-headers.ts";
import { median, startServer } from "./harness/child.ts";
import { exchangeOf, type Mode, modes } from "./harness/exchange.ts";
import { connectHttp2, type Exchange, type Http2Connection } from "./harness/http2-connection.ts";
import { startOwnSidecar } from "./harness/own-sidecar.ts";
import { cpuMsOf, rssMbOf } from "./harness/usage.ts";

const help = `npm run bench:pick -- [options]

  --modes LIST     of ${Object.keys(modes).join(", ")}; FULL_DUPLEX_STREAMED,BUFFERED,NONE when absent
  --bodies LIST    in bytes; 1024,16384,262144,1048576 when absent
  --streams LIST   open at once; 1,16,64,256 when absent
  --seconds N      for each cell and server; 0.5 when absent
  --rounds N       medians of so many; 5 when absent
  --poisson N      requests a second of the open loop; 400 when absent, 0 leaves it out
  --soak N         requests of 1 KB, full duplex, 16 at once, after which the memory is printed; 200000 when absent, 0 leaves it out
  --peer HOST:PORT another picker, measured in the same run; plaintext HTTP/2
  --peer-pid PID   its process on this machine: CPU time and memory are then printed too

BENCH_PROFILE=DIR has both servers write CPU profiles there; BENCH_EXEC="FLAGS" gives Umbra's Node more flags.
`;
const { values: flags } = parseArgs({
  options: {
    modes: { type: "string", default: "FULL_DUPLEX_STREAMED,BUFFERED,NONE" },
    bodies: { type: "string", default: "1024,16384,262144,1048576" },
    streams: { type: "string", default: "1,16,64,256" },
    seconds: { type: "string", default: "0.5" },
    rounds: { type: "string", default: "5" },
    poisson: { type: "string", default: "400" },
    soak: { type: "string", default: "200000" },
    peer: { type: "string" },
    "peer-pid": { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (flags.help) {
  process.stdout.write(help);
  process.exit(0);
}
const numbers = (list: string) => list.split(",").map(Number);
const seconds = Number(flags.seconds);
const rounds = Number(flags.rounds);

interface Contender {
  readonly name: string;
  readonly connection: Http2Connection;
  /** Undefined of a peer whose process is not known. */
  readonly pid: number | undefined;
  stop(): void;
}

interface Cell {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly cpuPer1000: number;
  readonly failed: number;
}

const callHeaders = pickCallHeaders("default/primary");

const contenders: Contender[] = [
  await bareServer(),
  await ownSidecar(),
  ...(flags.peer === undefined ? [] : [await peer(flags.peer, flags["peer-pid"])]),
];
const others = contenders.slice(1);
let failed = 0;

process.stdout.write(
  "medians of rounds; ratios are medians of the rounds' own ratios to the bare server\n",
);
header("streams");
for (const mode of flags.modes.split(",") as Mode[]) {
  for (const body of mode === "NONE" ? [0] : numbers(flags.bodies)) {
    const exchange = exchangeOf(mode, body);
    for (const streams of numbers(flags.streams)) {
      await compare(
        `${mode.padEnd(20)} ${String(body).padStart(8)} ${String(streams).padStart(8)}`,
        (each) => closedLoop(each, exchange, streams, seconds),
      );
    }
  }
}
const perSecond = Number(flags.poisson);
if (perSecond > 0) {
  process.stdout.write(`\nopen loop: ${perSecond} requests/s, Poisson\n`);
  header("");
  for (const mode of ["FULL_DUPLEX_STREAMED", "BUFFERED"] as const) {
    const exchange = exchangeOf(mode, 1_024);
    await compare(`${mode.padEnd(20)} ${"1024".padStart(8)} ${"".padStart(8)}`, (each) =>
      openLoop(each, exchange, perSecond, Math.max(4, seconds * 8)),
    );
  }
}
const soaked = Number(flags.soak);
if (soaked > 0) {
  process.stdout.write(`\nmemory: RSS in MB after each eighth of ${soaked} requests\n`);
  // A fresh process: the one before has had bodies of a MB by the dozen, and its allocator keeps their pages.
  const fresh = await ownSidecar();
  for (const each of [fresh, ...others.slice(1)]) await soak(each, soaked);
  fresh.stop();
}
process.stdout.write(`failed exchanges: ${failed}\n`);
for (const each of contenders) each.stop();
process.exitCode = failed === 0 ? 0 : 1;

function header(last: string): void {
  const columns = others.map(({ name }) => `| ${`${name}/s`.padStart(9)}  rate   p50   p99   CPU `);
  process.stdout.write(
    `${"mode".padEnd(20)} ${"body".padStart(8)} ${last.padStart(8)} | ${"bare/s".padStart(8)} ${"p50 ms".padStart(7)} ${"p99 ms".padStart(7)} ${"CPU s/1k".padStart(8)} ${columns.join("")}\n`,
  );
}

/** Plays all contenders in turns, and prints a row. */
async function compare(name: string, measure: (each: Contender) => Promise<Cell>): Promise<void> {
  const cells = new Map(contenders.map((each) => [each, [] as Cell[]]));
  for (let round = 0; round <= rounds; round++) {
    for (const each of contenders) {
      const cell = await measure(each);
      failed += cell.failed;
      // The first round warms up.
      if (round > 0) cells.get(each)?.push(cell);
    }
  }
  const base = cells.get(contenders[0] as Contender) ?? [];
  const middle = (of: (cell: Cell) => number) => median(base.map(of));
  const parts = [
    name,
    "|",
    middle((cell) => cell.perSecond)
      .toFixed(0)
      .padStart(8),
    middle((cell) => cell.p50)
      .toFixed(2)
      .padStart(7),
    middle((cell) => cell.p99)
      .toFixed(2)
      .padStart(7),
    middle((cell) => cell.cpuPer1000)
      .toFixed(3)
      .padStart(8),
  ];
  for (const each of others) {
    const own = cells.get(each) ?? [];
    const ratio = (of: (cell: Cell) => number) =>
      median(own.map((cell, i) => of(cell) / of(base[i] as Cell)))
        .toFixed(2)
        .padStart(5);
    parts.push(
      "|",
      median(own.map((cell) => cell.perSecond))
        .toFixed(0)
        .padStart(9),
      ratio((cell) => cell.perSecond),
      ratio((cell) => cell.p50),
      ratio((cell) => cell.p99),
      ratio((cell) => cell.cpuPer1000),
    );
  }
  process.stdout.write(`${parts.join(" ")}\n`);
}

/** `streams` open all the time. */
async function closedLoop(
  { connection, pid }: Contender,
  exchange: Exchange,
  streams: number,
  forSeconds: number,
): Promise<Cell> {
  const times: number[] = [];
  let bad = 0;
  const before = cpuNow(pid);
  const started = performance.now();
  const end = started + forSeconds * 1_000;
  await Promise.all(
    Array.from({ length: streams }, async () => {
      while (performance.now() < end) {
        const { tookMs, isFailed } = await connection.play(exchange);
        times.push(tookMs);
        if (isFailed) bad++;
      }
    }),
  );
  const elapsed = performance.now() - started;
  return cell(times, bad, elapsed, cpuNow(pid), before);
}

/** Requests come when they come, whatever is still open. */
async function openLoop(
  { connection, pid }: Contender,
  exchange: Exchange,
  rate: number,
  forSeconds: number,
): Promise<Cell> {
  const times: number[] = [];
  const running: Promise<void>[] = [];
  let bad = 0;
  const before = cpuNow(pid);
  const started = performance.now();
  let next = started;
  while (next < started + forSeconds * 1_000) {
    // Spinning keeps to the schedule better than a timer's whole milliseconds.
    while (performance.now() < next) await new Promise((resolve) => setImmediate(resolve));
    running.push(
      connection.play(exchange).then(({ tookMs, isFailed }) => {
        times.push(tookMs);
        if (isFailed) bad++;
      }),
    );
    next += (-Math.log(1 - Math.random()) * 1_000) / rate;
  }
  await Promise.all(running);
  const elapsed = performance.now() - started;
  return cell(times, bad, elapsed, cpuNow(pid), before);
}

function cell(
  times: number[],
  bad: number,
  elapsedMs: number,
  after: number,
  before: number,
): Cell {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
  return {
    perSecond: (times.length * 1_000) / elapsedMs,
    p50: at(0.5),
    p99: at(0.99),
    cpuPer1000: (after - before) / times.length,
    failed: bad,
  };
}

function cpuNow(pid: number | undefined): number {
  return pid === undefined ? Number.NaN : cpuMsOf(pid);
}

/** Plays many small requests, and tells whether memory grows. */
async function soak({ name, connection, pid }: Contender, requests: number): Promise<void> {
  const exchange = exchangeOf("FULL_DUPLEX_STREAMED", 1_024);
  const parts = 8;
  const seen: number[] = [];
  for (let part = 0; part < parts; part++) {
    let left = Math.ceil(requests / parts);
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        while (left-- > 0) if ((await connection.play(exchange)).isFailed) failed++;
      }),
    );
    if (pid !== undefined) seen.push(rssMbOf(pid));
  }
  process.stdout.write(`${name}: ${seen.map((mb) => mb.toFixed(0)).join(" ")}\n`);
}

async function bareServer(): Promise<Contender> {
  const { port, child } = await startServer("bare");
  const connection = await connectHttp2({ host: "127.0.0.1", port }, callHeaders);
  return {
    name: "bare",
    connection,
    pid: child.pid,
    stop() {
      connection.close();
      child.send("stop");
    },
  };
}

async function ownSidecar(): Promise<Contender> {
  const models = fork(fileURLToPath(new URL("./servers/model-servers.ts", import.meta.url)), {
    execArgv: ["--conditions=@umbra/source"],
  });
  const [endpoints] = (await once(models, "message")) as [string[]];
  const sidecar = await startOwnSidecar(endpoints);
  const connection = await connectHttp2({ host: "127.0.0.1", port: sidecar.port }, callHeaders);
  return {
    name: "umbra",
    connection,
    pid: sidecar.pid,
    stop() {
      connection.close();
      sidecar.stop();
      models.send("stop");
    },
  };
}

async function peer(address: string, pid: string | undefined): Promise<Contender> {
  const [host = "", port] = address.split(/:(?=\d+$)/);
  const connection = await connectHttp2({ host, port: Number(port) }, callHeaders);
  return {
    name: "peer",
    connection,
    pid: pid === undefined ? undefined : Number(pid),
    stop: () => connection.close(),
  };
}

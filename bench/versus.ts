// The whole path, and the pick alone, next to those of other checkouts: throughput, and CPU time of Envoy and of the sidecar for
// each request. All in one run, in turns A B B A; what counts are the ratios. `npm run bench:versus -- --help`

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { freePorts } from "../e2e/harness/ports.ts";
import { pickCallHeaders } from "./harness/call-headers.ts";
import { median, startServer } from "./harness/child.ts";
import { type Contender, edits, startContender, stopContenders } from "./harness/contender.ts";
import { exchangeOf, type Mode } from "./harness/exchange.ts";
import { closedLoop, postRequest } from "./harness/http1-load.ts";
import { connectHttp2, type Http2Connection } from "./harness/http2-connection.ts";
import { callgrind, thousandsPerRequest } from "./harness/instructions.ts";
import { medianWithInterval } from "./harness/median-interval.ts";
import { cpuMsOf } from "./harness/usage.ts";

const help = `npm run bench:versus -- [options] CHECKOUT…

Each CHECKOUT is a folder that is set up, or a dot for this one: its \`umbra render\` and \`umbra serve\` are measured. The first
is what the others are compared with. CHECKOUT=EDIT takes a part out of its bootstrap: ${Object.keys(edits).join(", ")}.
CHECKOUT=ads has Envoy get its configuration from the sidecar instead.

  --modes LIST       of headers, buffered, duplex; buffered when absent
  --body N           bytes of prompt; 1024 when absent
  --connections N    16 when absent
  --seconds N        for each turn; 0.6 when absent
  --rounds N         of two turns each; 12 when absent
  --pick             the pick alone, without an Envoy: what is compared is the sidecar
  --instructions N   counts instructions of Envoy over this many requests instead, by valgrind's callgrind: for busy machines
`;
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    modes: { type: "string", default: "buffered" },
    body: { type: "string", default: "1024" },
    connections: { type: "string", default: "16" },
    seconds: { type: "string", default: "0.6" },
    rounds: { type: "string", default: "12" },
    pick: { type: "boolean", default: false },
    instructions: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (flags.help || positionals.length === 0) {
  process.stdout.write(help);
  process.exit(flags.help ? 0 : 2);
}
const [seconds, connections, body] = [flags.seconds, flags.connections, flags.body].map(Number) as [
  number,
  number,
  number,
];
/** Of a closed loop's whole run. */
type Play = (
  of: Contender,
  forSeconds: number,
) => Promise<{ readonly requests: number; readonly perSecond: number }>;

interface Turn {
  readonly perSecond: number;
  readonly envoyUs: number;
  readonly sidecarUs: number;
}

const callHeaders = pickCallHeaders("default/pool");
const modesOfBodies: Readonly<Record<string, Mode>> = {
  headers: "NONE",
  buffered: "BUFFERED",
  duplex: "FULL_DUPLEX_STREAMED",
};

const folder = mkdtempSync(join(tmpdir(), "umbra-versus-"));
const endpoints = (await freePorts(16)).map((port) => `127.0.0.1:${port}`);
const stub = await startServer("model-stub", endpoints.join(","));
for (const mode of flags.modes.split(",")) {
  const under = flags.instructions === undefined ? [] : callgrind;
  const contenders = await Promise.all(
    positionals.map((of) =>
      startContender({ ...{ of, mode, endpoints, folder, under }, hasEnvoy: !flags.pick }),
    ),
  );
  if (flags.instructions === undefined) await compare(contenders, mode);
  else await count(contenders, mode, Number(flags.instructions));
  stopContenders();
}
stub.child.send("stop");
rmSync(folder, { recursive: true, force: true });

async function count(
  contenders: readonly Contender[],
  mode: string,
  requests: number,
): Promise<void> {
  process.stdout.write(`\n${mode}, ${body} bytes: Envoy's instructions for each request\n`);
  let base: number | undefined;
  for (const each of contenders) {
    const thousands = await thousandsPerRequest(each, requestOf(), requests);
    base ??= thousands;
    const ratio = (thousands / base).toFixed(3);
    process.stdout.write(
      `${each.name.padEnd(40)} ${thousands.toFixed(1).padStart(8)} k ${ratio}\n`,
    );
  }
}

async function compare(contenders: readonly Contender[], mode: string): Promise<void> {
  const play = flags.pick ? await picksOf(contenders, mode) : requests;
  for (const each of contenders) await play(each, 3);
  const turns = new Map(contenders.map((each) => [each, [] as Turn[]]));
  for (let round = 0; round < Number(flags.rounds); round++) {
    const first = round % contenders.length;
    const order = [...contenders.slice(first), ...contenders.slice(0, first)];
    const own = new Map<Contender, Turn>();
    for (const each of order) own.set(each, await measured(each, play));
    for (const each of order.toReversed()) {
      const second = await measured(each, play);
      turns.get(each)?.push(mean(own.get(each) ?? second, second));
    }
  }
  const kind = flags.pick ? "pick" : "path";
  process.stdout.write(
    `\n${kind}, ${mode}, ${body} bytes, ${connections} at once: medians of ${flags.rounds} rounds; CPU us for each request\n${"checkout".padEnd(40)} requests/s ratio      Envoy ratio    sidecar ratio       both ratio   ratios of requests/s and both, 95 %\n`,
  );
  const base = turns.get(contenders[0] as Contender) ?? [];
  for (const [{ name }, all] of turns) process.stdout.write(`${row(name, all, base)}\n`);
}

function row(name: string, all: readonly Turn[], base: readonly Turn[]): string {
  const columns = [
    (turn: Turn) => turn.perSecond,
    (turn: Turn) => turn.envoyUs,
    (turn: Turn) => turn.sidecarUs,
    (turn: Turn) => turn.envoyUs + turn.sidecarUs,
  ];
  const ratios = columns.map((of) =>
    medianWithInterval(all.map((turn, i) => of(turn) / of(base[i] as Turn))),
  );
  const shown = columns.map(
    (of, i) =>
      `${median(all.map(of)).toFixed(1).padStart(10)} ${ratios[i]?.median.toFixed(3).padStart(5)}`,
  );
  const intervals = [ratios[0], ratios.at(-1)].map(
    (each) => `${each?.low.toFixed(3)} to ${each?.high.toFixed(3)}`,
  );
  return `${name.padEnd(40)} ${shown.join(" ")}   ${intervals.join(", ")}`;
}

function mean(a: Turn, b: Turn): Turn {
  return {
    perSecond: (a.perSecond + b.perSecond) / 2,
    envoyUs: (a.envoyUs + b.envoyUs) / 2,
    sidecarUs: (a.sidecarUs + b.sidecarUs) / 2,
  };
}

async function measured(of: Contender, play: Play): Promise<Turn> {
  const { sidecarPid, envoyPid } = of;
  const envoyMs = () => (envoyPid === undefined ? 0 : cpuMsOf(envoyPid));
  const [sidecarBefore, envoyBefore] = [cpuMsOf(sidecarPid), envoyMs()];
  const { requests, perSecond } = await play(of, seconds);
  // The last batch of an access log comes behind the requests.
  await sleep(150);
  const us = (ms: number) => (ms * 1_000) / requests;
  return {
    perSecond,
    sidecarUs: us(cpuMsOf(sidecarPid) - sidecarBefore),
    envoyUs: us(envoyMs() - envoyBefore),
  };
}

function requestOf(): Buffer {
  const messages = [{ role: "user", content: "x".repeat(body) }];
  return postRequest("example.com", JSON.stringify({ model: "m", max_tokens: 4, messages }));
}

async function requests({ port, name }: Contender, forSeconds: number) {
  const result = await closedLoop(port, requestOf(), connections, forSeconds);
  if (result.not200 > 0) throw new Error(`${name}: ${result.not200} answers are not 200`);
  return result;
}

async function picksOf(contenders: readonly Contender[], mode: string): Promise<Play> {
  const exchange = exchangeOf(modesOfBodies[mode] ?? "BUFFERED", body);
  const open = new Map<Contender, Http2Connection>();
  for (const each of contenders) {
    open.set(each, await connectHttp2({ host: "127.0.0.1", port: each.grpcPort }, callHeaders));
  }
  return async (of, forSeconds) => {
    const connection = open.get(of) as Http2Connection;
    let requests = 0;
    const started = performance.now();
    await Promise.all(
      Array.from({ length: connections }, async () => {
        while (performance.now() < started + forSeconds * 1_000) {
          if ((await connection.play(exchange)).isFailed) throw new Error(`${of.name}: no pick`);
          requests++;
        }
      }),
    );
    return { requests, perSecond: (requests * 1_000) / (performance.now() - started) };
  };
}

// The whole path through a real Envoy: what each pick mode adds to a request that no picker sees, Umbra's sidecar next to a
// bare grpc-js server that decides nothing. All in one run, in turns. `npm run bench:path -- --help`
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { freePorts } from "../e2e/harness/ports.ts";
import { median, startServer } from "./harness/child.ts";
import { closedLoop, type LoadResult, postRequest } from "./harness/http1-load.ts";
import { type Case, casesOf, gatewaysOf } from "./harness/path-cases.ts";
import { startEnvoy } from "./harness/start-envoy.ts";
import { cpuMsOf } from "./harness/usage.ts";

const help = `npm run bench:path -- [options]

  --cases LIST       of what is printed below; all of them when absent, but for mirroring
  --bodies LIST      bytes of prompt; 1024,16384,262144 when absent
  --connections LIST of HTTP/1.1, each with one request at a time; 1,16,64 when absent
  --seconds N        for each cell and case; 0.7 when absent
  --rounds N         medians of so many; 5 when absent
  --mirroring        adds what is observed, and what is mirrored
  --peer HOST:PORT   a third-party picker, asked in FULL_DUPLEX_STREAMED in the same run, for requests alone and for answers
                     too; plaintext HTTP/2, no health service needed
  --peer-buffered    and in BUFFERED too, for peers that answer the headers before they have the body; the reference picker waits for
                     the body first, so Envoy and it would wait for each other
  --peer-pid PID     whose CPU time is then read from /proc
  --servers LIST     ip:port,… where the bench's own model servers listen: what the peer has as its endpoints; free ports when absent
`;
const { values: flags } = parseArgs({
  options: {
    cases: { type: "string" },
    bodies: { type: "string", default: "1024,16384,262144" },
    connections: { type: "string", default: "1,16,64" },
    seconds: { type: "string", default: "0.7" },
    rounds: { type: "string", default: "5" },
    mirroring: { type: "boolean", default: false },
    peer: { type: "string" },
    "peer-buffered": { type: "boolean", default: false },
    "peer-pid": { type: "string" },
    servers: { type: "string" },
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

interface Counts {
  readonly requests: number;
  readonly unpicked: number;
}

interface Cell extends LoadResult {
  readonly envoyCpuPer1000: number;
  /** NaN where there is no picker, or its process is not known. */
  readonly pickerCpuPer1000: number;
  readonly unpicked: number;
}

const folder = mkdtempSync(join(tmpdir(), "umbra-bench-"));
const listen = async (count: number) => (await freePorts(count)).map((port) => `127.0.0.1:${port}`);
const primary = flags.servers?.split(",") ?? (await listen(16));
const shadow = flags.mirroring ? await listen(16) : [];
const stub = await startServer("model-stub", primary.join(","));
const shadowStub =
  shadow.length === 0 ? undefined : await startServer("model-stub", shadow.join(","));

const cases = casesOf({
  ...{ primary, shadow, peer: flags.peer },
  isPeerBuffered: flags["peer-buffered"],
}).filter(({ name }) => name === "none" || (flags.cases?.split(",") ?? [name]).includes(name));
const envoys = new Map<Case, { readonly pid: number; readonly port: number }>();
const pickers = new Map<string, number | undefined>();
const stops: (() => Promise<void>)[] = [];
for (const [picker, own] of Map.groupBy(cases, (each) => each.picker)) {
  const { gateways, topology: whole } = gatewaysOf(own, { primary, shadow, peer: flags.peer });
  const file = join(folder, `${picker}.json`);
  writeFileSync(file, JSON.stringify(whole));
  const sidecar = await startPicker(picker, file);
  for (const { edit, cases: shared, topology } of gateways) {
    const name = `${picker} ${edit ?? "as rendered"}`;
    const envoy = await startEnvoy({ topology, sidecar, folder, name, edit });
    for (const each of shared) envoys.set(each, envoy);
    stops.push(envoy.stop);
  }
}

async function startPicker(picker: Case["picker"], file: string): Promise<string> {
  if (picker === "peer") {
    pickers.set(picker, flags["peer-pid"] === undefined ? undefined : Number(flags["peer-pid"]));
    return flags.peer ?? "";
  }
  const { port, child } =
    picker === "bare"
      ? await startServer("bare", primary.join(","))
      : await startServer("path-sidecar", file);
  pickers.set(picker, child.pid);
  stops.push(async () => {
    child.send("stop");
  });
  return `127.0.0.1:${port}`;
}

const totals = { requests: 0, not200: 0, unpicked: 0 };
/** What `buffered` by Umbra adds over what others add, by cell. */
const ratios = new Map<string, { readonly p50: number; readonly cpu: number }>();

process.stdout.write(`medians of ${rounds} rounds of ${seconds} s; ms and CPU seconds for 1,000 requests
added: latency, and CPU of Envoy and picker, over that of \`none\`, which no picker sees, in the same round; rate: requests/s over its
direct: the clients straight at the model servers, without Envoy: what the bench itself is able to do
Everything shares this machine's cores, so with many connections a latency is also a queue for CPU time
`);
for (const each of cases) {
  const text = JSON.stringify({ model: "m", messages: [{ role: "user", content: "warm" }] });
  // A sidecar is as fast as it will be after some thousands of requests.
  await closedLoop(envoys.get(each)?.port ?? 0, postRequest(each.host, text), 16, 3 * seconds);
}
for (const bytes of numbers(flags.bodies)) {
  for (const connections of numbers(flags.connections)) await compare(bytes, connections);
}
process.stdout.write(
  ratios.size === 0 ? "\n" : "\nadded by umbra buffered over what is added by\n",
);
for (const [cell, { p50, cpu }] of ratios) {
  process.stdout.write(`${cell}: p50 ${p50.toFixed(2)}, CPU ${cpu.toFixed(2)}\n`);
}
process.stdout.write(
  `${totals.requests} requests: ${totals.not200} not answered 200, ${totals.unpicked} not picked\n`,
);
await Promise.all(stops.map((stop) => stop()));
stub.child.send("stop");
shadowStub?.child.send("stop");
rmSync(folder, { recursive: true, force: true });
if (totals.not200 + totals.unpicked > 0) {
  process.stdout.write("FAILED: every request must be answered, and picked\n");
  process.exitCode = 1;
}

/** Plays all cases in turns, and prints a table. */
async function compare(bytes: number, connections: number): Promise<void> {
  const text = JSON.stringify({
    model: "m",
    max_tokens: 4,
    messages: [{ role: "user", content: "x".repeat(bytes) }],
  });
  const cells = new Map(cases.map((each) => [each, [] as Cell[]]));
  const direct: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const port = Number((primary[0] ?? "").split(":").at(-1));
    const alone = await closedLoop(port, postRequest("direct", text), connections, seconds / 2);
    direct.push(alone.perSecond);
    // Each is first, last and behind another in turn.
    const order = [...cases.slice(round % cases.length), ...cases.slice(0, round % cases.length)];
    for (const each of order) {
      const cell = await measure(each, text, connections);
      totals.requests += cell.requests;
      totals.not200 += cell.not200;
      totals.unpicked += cell.unpicked;
      // The first round warms up.
      if (round > 0) cells.get(each)?.push(cell);
    }
  }
  const base = [...cells].find(([{ name }]) => name === "none")?.[1] ?? [];
  const added = (own: readonly Cell[], of: (cell: Cell) => number) =>
    own.map((cell, i) => of(cell) - of(base[i] as Cell));
  process.stdout.write(
    `\n${bytes} bytes of prompt, ${connections} connection${connections === 1 ? "" : "s"}; direct: ${median(direct).toFixed(0)}/s\n${"case".padEnd(22)} requests/s  rate    p50    p99  added p50  added p99  Envoy CPU  picker CPU  added CPU  not 200  unpicked\n`,
  );
  for (const [each, own] of cells) {
    const middle = (of: (cell: Cell) => number) => median(own.map(of));
    const sum = (of: (cell: Cell) => number) => own.reduce((all, cell) => all + of(cell), 0);
    const rate = median(
      own.map(({ perSecond }, i) => perSecond / (base[i]?.perSecond ?? Number.NaN)),
    );
    const columns: readonly (readonly [number, number, number])[] = [
      [middle(({ perSecond }) => perSecond), 0, 10],
      [rate, 2, 5],
      [middle(({ p50 }) => p50), 2, 6],
      [middle(({ p99 }) => p99), 2, 6],
      [median(added(own, ({ p50 }) => p50)), 2, 10],
      [median(added(own, ({ p99 }) => p99)), 2, 10],
      [middle(({ envoyCpuPer1000 }) => envoyCpuPer1000), 3, 10],
      [middle(({ pickerCpuPer1000 }) => pickerCpuPer1000), 3, 11],
      [median(added(own, cpuPer1000)), 3, 10],
      [sum(({ not200 }) => not200), 0, 8],
      [sum(({ unpicked }) => unpicked), 0, 9],
    ];
    const shown = columns.map(([value, digits, width]) =>
      (Number.isNaN(value) ? "-" : value.toFixed(digits)).padStart(width),
    );
    process.stdout.write(`${each.name.padEnd(22)} ${shown.join(" ")}\n`);
  }
  const cellsOf = (name: string) => [...cells].find(([each]) => each.name === name)?.[1];
  const buffered = cellsOf("umbra buffered");
  for (const other of ["bare duplex", "bare both ways", "peer duplex", "peer both ways"]) {
    const own = cellsOf(other);
    if (buffered === undefined || own === undefined) continue;
    const ratio = (of: (cell: Cell) => number) => {
      const adds = added(own, of);
      return median(added(buffered, of).map((each, i) => each / (adds[i] ?? Number.NaN)));
    };
    const cell = `${other}, ${bytes} bytes, ${connections} connection${connections === 1 ? "" : "s"}`;
    const goal = other === "bare both ways" && bytes === 1_024 && connections === 16;
    ratios.set(goal ? `${cell} (p50 at most 0.5 is asked for)` : cell, {
      p50: ratio(({ p50 }) => p50),
      cpu: ratio(cpuPer1000),
    });
  }
}

/** Of a peer whose process is not known, Envoy's alone. */
function cpuPer1000({ envoyCpuPer1000, pickerCpuPer1000 }: Cell): number {
  return envoyCpuPer1000 + (Number.isNaN(pickerCpuPer1000) ? 0 : pickerCpuPer1000);
}

async function measure(of: Case, text: string, connections: number): Promise<Cell> {
  const { host, picker, isUnseen, name } = of;
  const envoy = envoys.get(of);
  if (envoy === undefined) throw new Error(`no Envoy for ${name}`);
  const pid = pickers.get(picker);
  const [before, envoyBefore] = [await counts(), cpuMsOf(envoy.pid)];
  const pickerBefore = pid === undefined ? Number.NaN : cpuMsOf(pid);
  const result = await closedLoop(envoy.port, postRequest(host, text), connections, seconds);
  const per1000 = (ms: number) => ms / result.requests;
  const after = await counts();
  return {
    ...result,
    envoyCpuPer1000: per1000(cpuMsOf(envoy.pid) - envoyBefore),
    pickerCpuPer1000:
      isUnseen || pid === undefined ? Number.NaN : per1000(cpuMsOf(pid) - pickerBefore),
    unpicked: isUnseen ? 0 : after.unpicked - before.unpicked,
  };
}

/** What the model servers saw so far. */
function counts(): Promise<Counts> {
  return new Promise((resolve) => {
    stub.child.once("message", (told) => resolve(told as Counts));
    stub.child.send("counts");
  });
}

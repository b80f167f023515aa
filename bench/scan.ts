// Our scan of a request's body against JSON.parse of the same bytes, in CPU time and as ratios within one run: other
// processes hardly show. `npm run bench:scan`
import { promptOf, readRequest } from "@umbra/openai";
import { editJson, setField } from "@umbra/openai/json";
import { median } from "./harness/child.ts";
import { bodies } from "./scan/bodies.ts";
import { hostileBodies } from "./scan/hostile.ts";

/** A bar that is missed at first is tried again: other processes hold up some. */
const [fewTries, mostTries] = [5, 40];
/** Of smaller bodies the fixed costs tell most. */
const leastBytes = 16_000;

let isGood = true;
process.stdout.write(
  "body                     bytes    scan us   parse us   scan MB/s  parse MB/s  times as fast  asked\n",
);
for (const { name, body, asked } of bodies()) {
  const text = body.toString();
  const { model } = JSON.parse(text) as { model: string };
  const read = readRequest(body);
  if (!read.ok || read.model !== model) throw new Error(`${name}: the scan has found no model`);
  const [scan, parse] = timeBoth(
    body.length,
    () => readRequest(body),
    () => JSON.parse(body.toString()),
  );
  const ratio = parse / scan;
  const isAsked = body.length >= leastBytes;
  if (isAsked && ratio < asked) isGood = false;
  const cells = [
    body.length.toFixed(0).padStart(9),
    scan.toFixed(2).padStart(10),
    parse.toFixed(2).padStart(10),
    (body.length / scan).toFixed(0).padStart(11),
    (body.length / parse).toFixed(0).padStart(11),
    ratio.toFixed(2).padStart(14),
    (isAsked ? asked.toFixed(1) : "-").padStart(6),
  ];
  process.stdout.write(`${name.padEnd(21)}${cells.join(" ")}\n`);
}

process.stdout.write("\nanother model's name     bytes    found us   edited us  times as fast\n");
for (const { body } of bodies().filter(({ name }) => name === "prose")) {
  const read = readRequest(body);
  if (!read.ok) throw new Error("the scan has found no model");
  const set = new Map([["model", { json: "another" }]]);
  const [found, edited] = timeBoth(
    body.length,
    () => setField(body, read.fields, "model", "another"),
    () => editJson(body, { set, remove: new Set() }),
  );
  process.stdout.write(
    `${String(body.length).padStart(30)} ${found.toFixed(2).padStart(11)} ${edited.toFixed(2).padStart(11)} ${(edited / found).toFixed(2).padStart(14)}\n`,
  );
}

/** What a turn of the loop may take, in ms of CPU, by the body's bytes. */
const bars = [
  { bytes: 10 * 1024 * 1024, ms: 20 },
  { bytes: 32 * 1024 * 1024, ms: 50 },
];
process.stdout.write(
  "\nhostile bodies               10 MiB ms    32 MiB ms  (read, and given another model's name)\n",
);
for (const { name, of } of hostileBodies) {
  const cells = bars.map(({ bytes, ms }) => {
    const took = hostileMs(of(bytes), ms);
    if (took > ms) isGood = false;
    return took.toFixed(1).padStart(9) + (took > ms ? " !" : "  ");
  });
  process.stdout.write(`${name.padEnd(28)} ${cells.join("  ")}\n`);
}
process.stdout.write(`at most ${bars.map(({ ms }) => `${ms} ms`).join(" and ")} are allowed\n`);
process.exitCode = isGood ? 0 : 1;

/** The least of some tries, of more where it is above the bar: what the work costs, without what else the machine does. */
function hostileMs(body: Buffer, barMs: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < fewTries || (least > barMs && tries < mostTries); tries++) {
    const ms = (run: () => unknown) => time(run, 1) / 1_000;
    let read: ReturnType<typeof readRequest> | undefined;
    const readMs = ms(() => {
      read = readRequest(body);
    });
    const { fields } = read?.ok === true ? read : { fields: undefined };
    const turnMs = Math.max(
      readMs,
      fields === undefined ? 0 : ms(() => setField(body, fields, "model", "another")),
      fields === undefined ? 0 : ms(() => promptOf(body, fields)),
    );
    least = Math.min(least, turnMs);
  }
  return least;
}

/** Microseconds of CPU of one call of each, in turns, the median of rounds. */
function timeBoth(bytes: number, scan: () => unknown, parse: () => unknown): [number, number] {
  const calls = Math.max(2, Math.min(20_000, Math.floor(8_000_000 / bytes)));
  const rounds: [number, number][] = [];
  for (let round = 0; round < 13; round++) rounds.push([time(scan, calls), time(parse, calls)]);
  const kept = rounds.slice(2);
  return [median(kept.map(([each]) => each)), median(kept.map(([, each]) => each))];
}

/** With what the collector's threads have spent on its garbage. */
function time(run: () => unknown, calls: number): number {
  const started = process.cpuUsage();
  for (let i = 0; i < calls; i++) run();
  const { user, system } = process.cpuUsage(started);
  return (user + system) / calls;
}

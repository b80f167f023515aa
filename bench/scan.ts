// Our scan of a request's body against JSON.parse of the same bytes, in CPU time and as ratios within one run: other
// processes hardly show. `npm run bench:scan`
import { readRequest } from "@umbra/openai";
import { editJson, setField } from "@umbra/openai/json";
import { median } from "./harness/child.ts";
import { bodies } from "./scan/bodies.ts";

/** Of smaller bodies the fixed costs tell most. */
const leastBytes = 16_000;
const hostileBarMs = 20;

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

const deep = Buffer.from(`{"model":"m","messages":${"[".repeat(5_000_000)}`);
const times = Array.from({ length: 9 }, () => {
  const started = performance.now();
  const read = readRequest(deep);
  if (read.ok || read.code !== "json_too_deep") throw new Error("the depth has no limit");
  return performance.now() - started;
});
const worst = Math.max(...times);
process.stdout.write(
  `\n5 MB of [: refused in ${worst.toFixed(3)} ms at worst, ${hostileBarMs} are allowed\n`,
);
process.exitCode = isGood && worst < hostileBarMs ? 0 : 1;

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

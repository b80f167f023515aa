// How comparing answers keeps to its share of a core: more pairs of long answers than it can compare, in real time, as the
// reading thread does it. Prints what it takes of one core, and what it leaves out for that.
// `npm run bench:comparing-share [-- pairs-per-second [seconds [characters]]]`
import { setTimeout as sleep } from "node:timers/promises";
import { createComparisonRates } from "../packages/sidecar/src/answers/comparison-rates.ts";
import { comparing, stream } from "../packages/sidecar/test/compared-answers.ts";

const perSecond = Number(process.argv[2] ?? 60);
const seconds = Number(process.argv[3] ?? 20);
const characters = Number(process.argv[4] ?? 4_000);
const allowed = 0.2;
/** The rates are found in these first seconds. */
const firstSeconds = 5;

const now = () => performance.now();
const own = createComparisonRates({ share: allowed, now, seed: 1 });
let spentMs = 0;
const is = comparing(
  {
    of: (comparison) => own.of(comparison),
    spent(ms) {
      spentMs += ms;
      own.spent(ms);
    },
  },
  now,
);

/** A text of words, another one for each number. */
function text(number: number): string {
  let [words, state] = ["", number + 1];
  while (words.length < characters) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    words += ` ${(state >>> 8).toString(36)}`;
  }
  return words;
}

const texts = Array.from({ length: 64 }, (_, i) => stream(text(i)));
const kinds = { similar: 0, withoutSimilarity: 0, skipped: 0 };
function pair(number: number): void {
  const comparison = is.begin({ temperature: 0 });
  is.answer(comparison, undefined, texts[number % 64] ?? "");
  is.answer(comparison, "mirror-0", texts[(number + 1) % 64] ?? "");
  is.work();
  const { why = null, sim = null } = comparison.outcomeOf("mirror-0")?.agreement ?? {};
  if (why !== null) kinds.skipped++;
  else if (sim === null) kinds.withoutSimilarity++;
  else kinds.similar++;
  comparison.close();
}

/** Plays pairs at the steady rate; those that are late come at once. */
async function play(forSeconds: number): Promise<void> {
  const startedMs = now();
  for (let number = 0; now() - startedMs < forSeconds * 1_000; ) {
    const due = ((now() - startedMs) / 1_000) * perSecond;
    if (number < due) pair(number++);
    else await sleep(1);
  }
}

await play(firstSeconds);
Object.assign(kinds, { similar: 0, withoutSimilarity: 0, skipped: 0 });
spentMs = 0;
const [startedMs, cpu] = [now(), process.cpuUsage()];
await play(seconds);
const elapsedMs = now() - startedMs;
const { user, system } = process.cpuUsage(cpu);
const share = spentMs / elapsedMs;
const all = kinds.similar + kinds.withoutSimilarity + kinds.skipped;
const percent = (part: number, of: number) => `${((100 * part) / of).toFixed(1)} %`;
const lines = [
  `${perSecond} pairs/s of ${characters} characters, ${seconds} s after the first ${firstSeconds} s: ${all} pairs`,
  `comparing takes ${percent(share, 1)} of one core (at most ${100 * allowed} % is asked for); with reading the answers ${percent((user + system) / 1_000, elapsedMs)}`,
  `compared with similarity ${percent(kinds.similar, all)}, without ${percent(kinds.withoutSimilarity, all)} (sim: null), left out ${percent(kinds.skipped, all)} (why: time)`,
];
process.stdout.write(`${lines.join("\n")}\n`);
process.exitCode = share <= allowed ? 0 : 1;

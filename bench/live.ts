// What a changed file costs on its way to Envoy: a folder of resources, a sidecar that follows it, Envoy by ADS, model
// servers; each a process. Prints each figure with its bar. `npm run bench:live -- --help`
import { parseArgs } from "node:util";
import { coldStart } from "./live/cold-start.ts";
import { endpointChanges } from "./live/endpoint-changes.ts";
import type { Figure } from "./live/figure.ts";
import { killedSidecar } from "./live/killed-sidecar.ts";
import { manyClients } from "./live/many-clients.ts";
import { memoryOfChanges } from "./live/memory-of-changes.ts";
import { pickWhileResolving } from "./live/pick-while-resolving.ts";
import { routeChanges } from "./live/route-changes.ts";
import type { Row } from "./live/row.ts";
import { createTestbed, startTestbed, type Testbed } from "./live/testbed.ts";

const rows: readonly Row[] = [
  endpointChanges,
  ...routeChanges,
  coldStart,
  pickWhileResolving,
  killedSidecar,
  manyClients,
  memoryOfChanges,
];

const help = `npm run bench:live -- [--only LIST]

Prints each figure with its bar, and exits with 1 if one is missed. Linux only.

${rows.map(({ key, title, mostSeconds }) => `  ${key.padEnd(12)} ${title} (at most ${mostSeconds} s)`).join("\n")}
`;
const { values: flags } = parseArgs({
  options: { only: { type: "string" }, help: { type: "boolean", default: false } },
});
if (flags.help) {
  process.stdout.write(help);
  process.exit(0);
}
const only = flags.only?.split(",") ?? rows.map(({ key }) => key);
const unknown = only.find((key) => rows.every((row) => row.key !== key));
if (unknown !== undefined) {
  process.stderr.write(`--only: there is no row "${unknown}"\n\n${help}`);
  process.exit(2);
}

const open = new Set<Testbed>();
const stopAll = async () => {
  await Promise.all([...open].map((testbed) => testbed.stop()));
  open.clear();
};
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void stopAll().then(() => process.exit(130)));
}

let isMissed = false;
for (const row of rows.filter(({ key }) => only.includes(key))) {
  process.stdout.write(`${row.title}\n`);
  for (const figure of await figuresOf(row)) {
    const { what, value, bar, isMet } = figure;
    const verdict = isMet ? "" : "  MISSED";
    process.stdout.write(`  ${what.padEnd(52)} ${value.padStart(12)}  ${bar}${verdict}\n`);
    if (!isMet) isMissed = true;
  }
}
process.exitCode = isMissed ? 1 : 0;

/** A row that fails is one that misses its bars. */
async function figuresOf({ measure, mostSeconds }: Row): Promise<readonly Figure[]> {
  const keep = (testbed: Testbed) => {
    open.add(testbed);
    return testbed;
  };
  const begin = {
    serving: async (options: Parameters<typeof startTestbed>[0]) => startTestbed(options, keep),
    stopped: async (options: Parameters<typeof createTestbed>[0]) =>
      keep(await createTestbed(options)),
  };
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`not done after ${mostSeconds} s`)),
      mostSeconds * 1_000,
    );
  });
  try {
    return await Promise.race([measure(begin), limit]);
  } catch (cause) {
    const value = cause instanceof Error ? cause.message : String(cause);
    return [{ what: "failed", value, bar: "", isMet: false }];
  } finally {
    clearTimeout(timer);
    await stopAll();
  }
}

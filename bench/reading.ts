// What reading and resolving cost when one of many HTTPRoutes changes. `npm run bench:reading`
import { createResourceStore, readTopology, type SourceFile } from "@umbra/envoy-config";
import { cpuMs } from "./harness/cpu.ts";
import { gateway, pool, route } from "./harness/many-routes.ts";

const counts = [500, 2_000];
const rounds = 15;

process.stdout.write("routes   all read, ms   one changed: read, ms   resolve, ms\n");
for (const count of counts) {
  const files = filesOf(count);
  readTopology(files);
  const wholeMs = timed(() => readTopology(files));
  const store = createResourceStore({ isLive: true });
  for (const file of files) store.put(file);
  store.resolve();
  const measured = Array.from({ length: rounds }, (_, round) => {
    const changed = changedFile(files, round);
    const readMs = timed(() => store.put(changed));
    const resolveMs = timed(() => store.resolve());
    return { readMs, resolveMs };
  });
  const cells = [
    String(count).padStart(6),
    wholeMs.toFixed(0).padStart(13),
    median(measured.map(({ readMs }) => readMs))
      .toFixed(1)
      .padStart(23),
    median(measured.map(({ resolveMs }) => resolveMs))
      .toFixed(1)
      .padStart(13),
  ];
  process.stdout.write(`${cells.join(" ")}\n`);
}

/** A file for each 100 routes with their pools, as many teams keep them. */
function filesOf(count: number): readonly SourceFile[] {
  const texts = Array.from({ length: count / 100 }, (_, file) =>
    Array.from({ length: 100 }, (_, index) => textOf(100 * file + index)).join(""),
  );
  const named = texts.map((text, index) => ({ name: `${index}.yaml`, text }));
  return [{ name: "gateway.yaml", text: gateway }, ...named];
}

function textOf(index: number): string {
  return route(index, `host-${index}.example.com`, `pool-${index}`) + pool(index);
}

/** The second file, in which one route mirrors another share and has a line more. */
function changedFile(files: readonly SourceFile[], round: number): SourceFile {
  const { name, text } = files[1] ?? { name: "", text: "" };
  return { name, text: String(text).replace("percent: 10", `\n          percent: ${round + 11}`) };
}

function timed(run: () => void): number {
  const start = cpuMs();
  run();
  return cpuMs() - start;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

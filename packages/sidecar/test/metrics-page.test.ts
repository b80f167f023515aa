import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { directTopology } from "@umbra/envoy-config";
import { type MetricFamily, startSidecar } from "@umbra/sidecar";
import pino from "pino";
import { expectGolden } from "../../../testing/golden.ts";

const path = new URL("../../../docs/metrics.md", import.meta.url);

function row({ name, type, labels = [], help, twinOf }: MetricFamily, twins: string[]): string {
  const code = (text: string) => `\`${text}\``;
  const meaning = twinOf === undefined ? help : help.replace(twinOf, code(twinOf));
  return `| ${[
    code(name),
    type,
    labels.map(code).join(", "),
    meaning,
    ...(twinOf === undefined ? [twins.map(code).join(", ")] : []),
  ].join(" | ")} |`;
}

function tables(families: readonly MetricFamily[]): readonly [own: string, twins: string] {
  const byName = families.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const twins = byName.filter(({ twinOf }) => twinOf !== undefined);
  const own = byName.filter(({ twinOf }) => twinOf === undefined);
  const twinsOf = (of: MetricFamily) =>
    twins.filter(({ twinOf }) => twinOf === of.name).map(({ name }) => name);
  const head = "| metric | type | labels | meaning |";
  return [
    [
      `${head} also as |\n| --- | --- | --- | --- | --- |`,
      ...own.map((each) => row(each, twinsOf(each))),
    ].join("\n"),
    [`${head}\n| --- | --- | --- | --- |`, ...twins.map((each) => row(each, []))].join("\n"),
  ];
}

async function families(): Promise<{ page: string; known: readonly MetricFamily[] }> {
  const sidecar = await startSidecar({
    topology: directTopology({ primary: ["127.0.0.1:9"], shadow: ["127.0.0.1:9"], port: 80 }),
    grpc: "127.0.0.1:0",
    admin: { host: "127.0.0.1", port: 0 },
    log: pino({ level: "silent" }),
    compatMetrics: true,
  });
  const page = await (await fetch(`http://${sidecar.adminAddress}/metrics`)).text();
  await sidecar.close(0);
  return { page, known: sidecar.metrics };
}

test("docs/metrics.md lists exactly the metrics with their types and labels", async () => {
  const { known } = await families();
  const [own, twins] = tables(known);
  const page = readFileSync(path, "utf8");
  const [before = "", , ,] = page.split(/^## /m);
  const want = `${before}## Umbra's own\n\n${own}\n\n## Of the reference endpoint picker\n\n${twins}\n`;
  expectGolden(want, path);
});

test("/metrics shows them all, only with Umbra's and the reference's prefix, each with a help text", async () => {
  const { page, known } = await families();
  const shown = [...page.matchAll(/^# TYPE (\S+) (\S+)/gm)]
    .map(([, name = "", type]) => ({ name, type }))
    .filter(({ name }) => !/^(?:process|nodejs)_/.test(name));
  expect(shown).toEqual(known.map(({ name, type }) => ({ name, type })));
  for (const { name, help, twinOf } of known) {
    expect(name).toMatch(twinOf === undefined ? /^umbra_[a-z0-9_]+$/ : /^llm_d_epp_[a-z0-9_]+$/);
    expect(help).toMatch(/^\w.*\.$/);
  }
  const declared = known.flatMap(({ compatible }) => compatible?.name ?? []);
  const added = known.flatMap(({ name, twinOf }) =>
    twinOf === undefined ? [] : name.replace("llm_d_epp_", ""),
  );
  expect(added.toSorted()).toEqual(declared.toSorted());
});

test("without --compat-metrics there are none of the reference's", async () => {
  const sidecar = await startSidecar({
    topology: directTopology({ primary: ["127.0.0.1:9"], shadow: ["127.0.0.1:9"], port: 80 }),
    grpc: "127.0.0.1:0",
    admin: { host: "127.0.0.1", port: 0 },
    log: pino({ level: "silent" }),
  });
  await sidecar.close(0);
  expect(sidecar.metrics.filter(({ twinOf }) => twinOf !== undefined)).toEqual([]);
});

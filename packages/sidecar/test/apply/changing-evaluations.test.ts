import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { defaultComparison } from "@umbra/envoy-config";
import { createPool } from "@umbra/scheduler";
import { parseEvaluationLine, parseSample, type ShadowReport } from "@umbra/shadow";
import type { PoolRegistry } from "../../src/pools/pool-registry.ts";
import type { ServedPool } from "../../src/pools/served-pool.ts";
import { type MirrorChange, topologyWith } from "./mirror-fixtures.ts";
import { createMirroredRun, type MirroredRun } from "./mirrored-run.ts";

const shadow = "default/shadow";
const evaluation = {
  ...{ horizonMs: 600_000, minPairs: 1_000, warmupMs: 30_000, observeUnmirroredPercent: 100 },
};
const budget = { maxInFlight: 1_000, maxRequests: 1e6, maxDurationMs: 1e9, maxBodyBytes: 1e6 };
const base: MirrorChange = {
  ...{ name: "m0", pool: shadow, perMillion: 1_000_000, evaluation, policyMore: { budget } },
};

function servedPools(endpoints: Readonly<Record<string, number>>): PoolRegistry {
  return new Map(
    Object.entries(endpoints).map(([name, count]) => {
      const state = createPool({ name, now: () => 0, random: () => 0.5 });
      state.setEndpoints(Array.from({ length: count }, (_, i) => `10.0.0.${i}:1`));
      const served = { base: new Set<string>() };
      return [name, { name, state, engines: new Map(), served } as unknown as ServedPool];
    }),
  );
}

/** Sends 10 requests per second, and calls `each` every three seconds with a number. */
function play(run: MirroredRun, seconds: number, each: (change: number) => void = () => undefined) {
  for (let tick = 0; tick < seconds * 10; tick++) {
    if (tick % 30 === 0) each(tick / 30);
    run.request("m0", (mirror) => run.registry.get(mirror)?.mirror.pool ?? shadow);
    run.pass(100);
    if (tick % 500 === 0) run.analyze();
  }
}

describe("a change that does not concern an evaluation", () => {
  test("percent 10 to 25 keeps its counts, samples and start", async () => {
    const run = createMirroredRun({ topology: topologyWith({ ...base, perMillion: 100_000 }) });
    play(run, 60);
    const before = await run.report(shadow);
    run.apply(topologyWith({ ...base, perMillion: 250_000 }));
    play(run, 60);
    run.pass(1_000);
    const after = await run.report(shadow);
    expect(after.evaluation).toMatchObject({
      ...{ started_at: before.evaluation.started_at, sampling: { percent: 25, by: "request" } },
    });
    expect(before.funnel.eligible).toBe(600);
    expect(after.funnel).toMatchObject({ eligible: 1_200, lost: 0 });
    expect(after.funnel.paired).toBeGreaterThan(2 * before.funnel.paired);
    expect(after.funnel.paired).toBe(after.funnel.dispatched);
    expect(run.evaluations.closedReports).toEqual([]);
  });

  const sizes = { "default/primary": 4, [shadow]: 4, "default/other": 4 };
  /** Of a run without a change. */
  let want: ShadowReport;
  beforeAll(async () => {
    const still = createMirroredRun({ topology: topologyWith(base), pools: servedPools(sizes) });
    play(still, 602);
    still.pass(5_000);
    want = await still.report(shadow);
  });

  test("200 changes of endpoints and of other mirrors give the same verdict and gates", async () => {
    const pools = servedPools(sizes);
    const run = createMirroredRun({ topology: topologyWith(base), pools });
    play(run, 602, (change) => {
      for (const [name, pool] of pools) {
        const count = 3 + ((change + name.length) % 3);
        pool.state.setEndpoints(Array.from({ length: count }, (_, i) => `10.0.${change}.${i}:1`));
      }
      const other = { ...base, name: "m1", pool: "default/other", perMillion: change * 1_000 };
      run.apply(change % 2 === 0 ? topologyWith(base) : topologyWith(base, other));
    });
    run.pass(5_000);
    run.retire();
    const got = await run.report(shadow);
    expect(want.verdict.final).not.toBeNull();
    expect(got.verdict).toEqual(want.verdict);
    expect(got.gates).toEqual(want.gates);
    expect(got.funnel).toEqual(want.funnel);
    expect([run.live.size, run.trouble]).toEqual([0, []]);
  });

  test("200 changes of percent lose no pair, and the verdict stays", async () => {
    const run = createMirroredRun({ topology: topologyWith(base) });
    play(run, 602, (change) => {
      const perMillion = [1_000_000, 500_000, 750_000][change % 3] ?? 0;
      run.apply(topologyWith({ ...base, perMillion }));
    });
    run.pass(5_000);
    const got = await run.report(shadow);
    expect(got.funnel).toMatchObject({ lost: 0, unmeasured: 0 });
    expect(run.registry.gateOf("m0")?.state()).toMatchObject({
      ...{ eligible: 6_020, mirrored: run.pairs(), inFlight: 0 },
    });
    expect(got.funnel.paired).toBeGreaterThan(3_500);
    expect([want.verdict.status, got.verdict.status]).toEqual(["PASS", "PASS"]);
    expect(got.gates.map(({ id, status }) => [id, status])).toEqual(
      want.gates.map(({ id, status }) => [id, status]),
    );
    expect(got.evaluation.started_at).toBe(want.evaluation.started_at);
  });

  test("pairs in flight stay with their shadow pool while names of mirrors move", async () => {
    const run = createMirroredRun({ topology: topologyWith(base) });
    const other = { ...base, name: "m0", pool: "default/other" };
    const moved = topologyWith(other, { ...base, name: "m1" });
    for (let i = 0; i < 200; i++) {
      const isMoved = i % 2 === 1;
      run.apply(isMoved ? moved : topologyWith(base));
      run.request(isMoved ? "m0,m1" : "m0", (name) =>
        isMoved && name === "m0" ? "default/other" : shadow,
      );
      run.pass(100);
    }
    run.pass(1_000);
    const { funnel } = await run.report(shadow);
    expect(funnel).toMatchObject({ dispatched: 200, paired: 200, lost: 0, unmeasured: 0 });
    expect(run.live.size).toBe(0);
  });
});

describe("a change of what an evaluation compares", () => {
  test.each<{ name: string; next: Partial<MirrorChange> }>([
    { name: "margin", next: { evaluation: { ...evaluation, gates: { errors: { margin: 0.1 } } } } },
    { name: "horizon", next: { evaluation: { ...evaluation, horizonMs: 900_000 } } },
    {
      name: "how answers are compared",
      next: {
        evaluation: { ...evaluation, comparison: { ...defaultComparison, similarity: "off" } },
      },
    },
    { name: "policy", next: { policy: "default/q" } },
    {
      name: "rewrite",
      next: { policyMore: { budget, rewrite: { model: { m: "n" }, set: {}, remove: [] } } },
    },
  ])("begins a new one, and the old report stays: $name", async ({ next }) => {
    const run = createMirroredRun({ topology: topologyWith(base) });
    play(run, 60);
    const atMs = performance.timeOrigin + run.clock.ms;
    run.apply(topologyWith({ ...base, ...next }));
    play(run, 20);
    run.pass(1_000);
    const report = await run.report(shadow);
    expect(report.funnel).toMatchObject({ eligible: 200, dispatched: 200, paired: 200, lost: 0 });
    expect(Date.parse(report.evaluation.started_at)).toBeGreaterThanOrEqual(Math.floor(atMs));
    expect(report.evaluation.closed).toBeUndefined();
    // Answers in flight at the change are still paired in the old one.
    expect(run.evaluations.closedReports).toHaveLength(1);
    expect(run.evaluations.closedReports[0]).toMatchObject({
      funnel: { dispatched: 600, paired: 600, lost: 0 },
      evaluation: { closed: { at: new Date(Math.floor(atMs)).toISOString(), why: "changed" } },
    });
  });

  test("begins a new one if the control's percent changes, and that is in its settings", () => {
    const samplesFile = join(mkdtempSync(join(tmpdir(), "umbra-control-")), "run.ndjson");
    const control = { ...base, name: "m1", pool: "default/control", role: "control" as const };
    const run = createMirroredRun({
      topology: topologyWith(base, { ...control, percentOfMirrored: 10 }),
      samplesFile,
    });
    play(run, 10);
    run.apply(topologyWith(base, { ...control, percentOfMirrored: 20 }));
    play(run, 10);
    run.pass(1_000);
    const about = readFileSync(samplesFile, "utf8")
      .split("\n")
      .flatMap((line) => parseEvaluationLine(line) ?? [])
      .filter(({ candidate }) => candidate === shadow);
    rmSync(dirname(samplesFile), { recursive: true });
    expect(about.map(({ closed, config }) => [closed?.why, config.controlPercent])).toEqual([
      ["changed", 10],
      [undefined, 20],
    ]);
  });

  test("gives the new one its own budget", () => {
    const small = { ...budget, maxRequests: 100 };
    const run = createMirroredRun({
      topology: topologyWith({ ...base, policyMore: { budget: small } }),
    });
    play(run, 20);
    const gate = run.registry.gateOf("m0");
    expect(gate?.state().budgetUsed.requests).toBe(1);
    const next = { ...base, evaluation: { ...evaluation, minPairs: 2_000 } };
    run.apply(topologyWith({ ...next, policyMore: { budget: small } }));
    expect(gate?.state()).toMatchObject({ budgetUsed: { requests: 0 }, mirrored: 100 });
  });

  test("keeps the 16 latest reports of closed evaluations, newest first", async () => {
    const run = createMirroredRun({ topology: topologyWith(base) });
    for (let i = 0; i < 40; i++) {
      play(run, 1);
      run.apply(topologyWith({ ...base, evaluation: { ...evaluation, minPairs: 1_001 + i } }));
    }
    run.pass(2_000);
    await run.evaluations.reports();
    const pairs = run.evaluations.closedReports.map((each) => each.evaluation.min_pairs);
    expect(pairs).toEqual(Array.from({ length: 16 }, (_, i) => 1_039 - i));
  });
});

describe("a mirror that is removed", () => {
  test("closes its evaluation, after its last twin", async () => {
    const run = createMirroredRun({ topology: topologyWith(base) });
    play(run, 30);
    run.apply(topologyWith());
    expect(run.evaluations.closedReports).toEqual([]);
    run.pass(1_000);
    run.retire();
    expect(await run.evaluations.reports()).toEqual([]);
    expect(run.evaluations.closedReports).toMatchObject([
      { funnel: { paired: 300, lost: 0 }, evaluation: { closed: { why: "removed" } } },
    ]);
    run.apply(topologyWith(base));
    play(run, 10);
    run.pass(1_000);
    expect((await run.report(shadow)).funnel).toMatchObject({ eligible: 100, paired: 100 });
    expect(run.threads).toHaveLength(1);
  });

  test("came without a thread before: the first mirror starts it", async () => {
    const run = createMirroredRun({ topology: topologyWith() });
    expect([run.threads, await run.evaluations.reports()]).toEqual([[], []]);
    run.apply(topologyWith(base));
    play(run, 5);
    run.pass(1_000);
    expect((await run.report(shadow)).funnel.paired).toBe(50);
  });
});

describe("the samples file of changed evaluations", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "umbra-changing-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test("says which samples belong to which evaluation", () => {
    const samplesFile = join(folder, "run.ndjson");
    const run = createMirroredRun({ topology: topologyWith(base), samplesFile });
    play(run, 10);
    run.apply(topologyWith({ ...base, evaluation: { ...evaluation, minPairs: 300 } }));
    play(run, 10);
    run.pass(1_000);
    run.analyze();
    const lines = readFileSync(samplesFile, "utf8").trim().split("\n");
    const about = lines.flatMap((line) => parseEvaluationLine(line) ?? []);
    expect(about.map(({ closed, config }) => [closed?.why, config.minPairs])).toEqual([
      ["changed", 1_000],
      [undefined, 300],
    ]);
    expect(lines.filter((line) => parseSample(line).ok)).toHaveLength(200);
    expect(about[0]?.closed?.atMs).toBe(about[1]?.fromMs);
  });
});

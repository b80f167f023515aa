import { describe, expect, test } from "@jest/globals";
import { evaluationConfig, type Sample } from "@umbra/shadow";
import { createRandom } from "@umbra/shadow/statistics";
import fc from "fast-check";
import { createJudging, type Judging } from "../src/evaluation/judging.ts";
import { nowOf } from "../src/evaluation/one-evaluation.ts";
import { createPooledSamples } from "../src/evaluation/pooled-samples.ts";
import type { WorkerSetup } from "../src/evaluation/worker-messages.ts";

const leg = {
  ...{ status: 200, class: "ok" as const, stream: true, ttft: 100, ttfo: 100, tpot: 20, e2e: 500 },
  ...{ outTokens: 21, tokenSource: "usage" as const, outChars: 80, promptTokens: 50 },
  ...{ cachedTokens: 0, promptBytes: 400, finish: "stop", endpoint: null, attempts: 1 },
};
const startMs = Date.parse("2026-03-01T00:00:00.000Z");
const key = "default/r default/b";

/** Requests of 15 minutes with all that may happen to them; several are sent in the same millisecond. */
function traffic(seed: number, count: number): readonly Sample[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, i) => {
    const noise = () => 50 + Math.round(random.unit() * 100_000) / 1_000;
    const primary = { ...leg, ttft: noise(), e2e: 500 + noise(), endpoint: `10.0.0.${i % 5}:1` };
    const twin = { ...leg, ttft: noise(), e2e: 500 + noise(), endpoint: `10.0.1.${i % 3}:1` };
    const isMirrored = i % 4 !== 3;
    const failed = { ...twin, status: 500, class: "server_error" as const, ttft: null };
    return {
      ...{ v: 1, id: `r${i}`, t0: startMs + Math.floor((i * 900_000) / count / 50) * 50 },
      ...{ route: "default/r", candidate: "default/b", mirrored: isMirrored },
      drop: isMirrored || i % 8 === 3 ? null : ("rate" as const),
      session: `s${i % 17}`,
      primary,
      shadow: !isMirrored || i % 41 === 0 ? null : i % 29 === 0 ? failed : twin,
      lag: 1,
    };
  });
}

/** Judges before the planned end, unless `nowS` is after it. */
function judgingOf(
  { nowS = 800, ...more }: Partial<WorkerSetup> & { readonly nowS?: number } = {},
  candidate = "default/b",
): Judging {
  const config = evaluationConfig({ warmupMs: 10_000, minPairs: 200, horizonMs: 900_000 });
  const evaluation = {
    ...{ key, route: "default/r", candidate, role: "candidate" as const },
    ...{ controlKey: undefined, config, subject: "the same" },
  };
  const setup = {
    ...{ evaluations: [evaluation], samplesFile: undefined, capacity: 100_000 },
    ...{ evaluateEveryMs: 1_000, ...more },
  };
  return createJudging(
    setup,
    () => undefined,
    () => startMs + nowS * 1_000,
  );
}

const add = (judging: Judging, samples: readonly Sample[]) =>
  judging.add(samples.map((sample) => ({ key, sample })));

/** Pulls everything that a peer has; returns the number of pages. */
function pull(judge: Judging, name: string, replica: Judging): number {
  let pages = 0;
  for (;;) {
    const [wanted] = judge.pooling.wanted(name);
    const { evaluation = "", after = 0 } = wanted ?? {};
    const page = replica.pooling.page(evaluation, after);
    pages++;
    if (judge.pooling.take(name, evaluation, page ?? "") !== "more") return pages;
  }
}

describe("samples of several processes", () => {
  test("are judged together as if one process had measured them all, byte for byte", () => {
    const all = traffic(1, 1_200);
    const final = { nowS: 901 };
    const whole = judgingOf(final);
    add(whole, all);
    const want = JSON.stringify(whole.analyze(true));
    fc.assert(
      fc.property(
        fc.infiniteStream(fc.nat(3)),
        fc.infiniteStream(fc.integer({ min: 1, max: 400 })),
        (owners, sizes) => {
          const replicas = Array.from({ length: 4 }, () => judgingOf(final));
          const [judge, ...others] = replicas as [Judging, ...Judging[]];
          const nextOwner = owners[Symbol.iterator]();
          const nextSize = sizes[Symbol.iterator]();
          for (let at = 0; at < all.length; ) {
            const size = nextSize.next().value as number;
            for (const sample of all.slice(at, at + size)) {
              add(replicas[nextOwner.next().value as number] as Judging, [sample]);
            }
            at += size;
            others.forEach((each, i) => void pull(judge, `peer ${i}`, each));
          }
          expect(JSON.stringify(judge.analyze(true))).toBe(want);
        },
      ),
      { numRuns: 4 },
    );
  });

  test("come in pages of at most 512, and a page can be asked for again", () => {
    const [judge, other] = [judgingOf(), judgingOf()];
    add(other, traffic(2, 1_300));
    const id = judge.pooling.wanted("other")[0]?.evaluation ?? "";
    const first = other.pooling.page(id, 0) ?? "";
    expect(first.trimEnd().split("\n")).toHaveLength(513);
    expect(judge.pooling.take("other", id, first)).toBe("more");
    expect(judge.pooling.take("other", id, first)).toBe("more");
    expect(pull(judge, "other", other)).toBe(2);
    expect(judge.analyze(true)[0]?.funnel).toMatchObject({ paired: 951 });
  });

  test("are not counted twice when a peer comes back under another name", () => {
    const [judge, other] = [judgingOf(), judgingOf()];
    add(other, traffic(2, 600));
    pull(judge, "before", other);
    const before = JSON.stringify(judge.analyze(true));
    pull(judge, "after its restart", other);
    expect(JSON.stringify(judge.analyze(true))).toBe(before);
  });

  test("of another evaluation are not given, and those of another route are not taken", () => {
    const [judge, other] = [judgingOf(), judgingOf({}, "default/c")];
    const id = judge.pooling.wanted("other")[0]?.evaluation ?? "";
    expect(other.pooling.page(id, 0)).toBeDefined();
    add(
      other,
      traffic(2, 300).map((each) => ({ ...each, candidate: "default/c" })),
    );
    pull(judge, "other", other);
    expect(judge.analyze(true)[0]?.funnel.paired ?? 0).toBe(0);
    expect(other.pooling.page("of another configuration", 0)).toBeUndefined();
  });

  test("a full store thins those of a peer equally", () => {
    const [judge, other] = [judgingOf(), judgingOf({ capacity: 4_096 })];
    const all = traffic(3, 12_000);
    add(judge, all.slice(0, 2_000));
    add(other, all.slice(2_000));
    pull(judge, "other", other);
    const { funnel } = judge.analyze(true)[0] ?? {};
    const whole = judgingOf();
    add(whole, all);
    const paired = whole.analyze(true)[0]?.funnel.paired ?? 0;
    expect(funnel?.paired).toBe(paired);
  });

  test("that a peer drops after the judge has received them are left out once", () => {
    const [judge, other] = [judgingOf(), judgingOf({ capacity: 4_096 })];
    const all = traffic(3, 12_000);
    add(judge, all.slice(0, 2_000));
    for (let at = 2_000; at < all.length; at += 500) {
      add(other, all.slice(at, at + 500));
      pull(judge, "other", other);
    }
    const whole = judgingOf();
    add(whole, all);
    const paired = whole.analyze(true)[0]?.funnel.paired ?? 0;
    expect(judge.analyze(true)[0]?.funnel.paired).toBe(paired);
  });

  test("the highest rate is that of running peers: one that has ended sends nothing more", () => {
    const pooled = createPooledSamples({ route: "default/r", candidate: "default/b" }, 4_096);
    const funnel = { eligible: 0, sampled: 0, dispatched: 0, dropped: {} };
    const requests = { primary: 0, shadow: 0 };
    const counts = { funnel, requests, isBudgetSpent: false, captured: 0, peakPerSecond: 10 };
    const measured = { paired: 0, lost: 0, unsent: 0, unmeasured: 0 };
    const kept = { drawn: 1, undrawn: 1 };
    for (const name of ["stays", "goes"]) {
      const head = { next: 0, hasMore: false, kept, measured, counts };
      pooled.take(name, { head, samples: [] });
    }
    const lane = { pool: "default/b" };
    const now = {
      ...{ counts: funnel, loadRatio: undefined, isBudgetSpent: false, percent: 100 },
      ...{ by: "request" as const, policy: null, baseline: lane, candidate: lane },
      ...{ captured: 0, limitsHit: [], peakPerSecond: 10 },
    };
    pooled.present = new Set(["stays", "goes"]);
    expect(nowOf({ now, pooled })?.peakPerSecond).toBe(30);
    pooled.present = new Set(["stays"]);
    expect(nowOf({ now, pooled })?.peakPerSecond).toBe(20);
  });

  test("are dropped when a peer judges", () => {
    const [judge, other] = [judgingOf(), judgingOf()];
    const all = traffic(2, 900);
    add(judge, all.slice(0, 400));
    const paired = () => judge.analyze(true)[0]?.funnel.paired;
    const alone = paired();
    add(other, all.slice(400));
    pull(judge, "other", other);
    expect(paired()).toBeGreaterThan(alone ?? 0);
    judge.pooling.stop();
    expect(paired()).toBe(alone);
  });

  test("that are missing are named in the report", () => {
    const judge = judgingOf();
    add(judge, traffic(2, 400));
    judge.pooling.setPeers([], 2);
    expect(judge.analyze(true)[0]?.limits_hit).toEqual(["samples of 2 peers are missing"]);
  });

  test("end with the budget of the peers that run: a peer that has ended has no part of it", () => {
    const [judge, stays, goes] = [judgingOf(), judgingOf(), judgingOf()];
    const all = traffic(2, 900);
    const lane = { pool: "default/b" };
    const counts = { eligible: 0, sampled: 0, dispatched: 0, dropped: {} };
    const update = (judging: Judging, isBudgetSpent: boolean) =>
      judging.update({
        [key]: {
          ...{ counts, loadRatio: undefined, isBudgetSpent, percent: 100, by: "request" },
          ...{ policy: null, baseline: lane, candidate: lane, captured: 0, limitsHit: [] },
        },
      });
    [judge, stays, goes].forEach((each, i) => {
      add(each, all.slice(i * 300, i * 300 + 300));
      update(each, each !== goes);
    });
    judge.pooling.setPeers(["stays", "goes"], 0);
    pull(judge, "stays", stays);
    pull(judge, "goes", goes);
    const isFinal = () => judge.analyze(true)[0]?.evaluation.is_final;
    expect(isFinal()).toBe(false);
    judge.pooling.setPeers(["stays"], 0);
    expect(isFinal()).toBe(true);
  });

  test.each([
    { name: "nothing", page: "" },
    { name: "no page line", page: '{"v":1}\n' },
    {
      name: "a cursor that is no number",
      page: '{"v":1,"page":{"next":"9","kept":{"drawn":1,"undrawn":1}}}',
    },
    {
      name: "a share that is no power of two",
      page: '{"v":1,"page":{"next":9,"kept":{"drawn":3,"undrawn":1}}}',
    },
    { name: "too long a page", page: `{"v":1,"page":${" ".repeat(4_194_304)}}` },
  ])("a page with $name is refused", ({ page }) => {
    const judge = judgingOf();
    const id = judge.pooling.wanted("other")[0]?.evaluation ?? "";
    expect(judge.pooling.take("other", id, page)).toBe("invalid");
  });

  test("a page of a hostile peer changes only what its valid lines say", () => {
    const judge = judgingOf();
    const id = judge.pooling.wanted("other")[0]?.evaluation ?? "";
    const head = {
      ...{ next: 3, hasMore: false, kept: { drawn: 1, undrawn: 1 }, measured: { paired: -1 } },
      counts: { funnel: { eligible: -1, dropped: { ["x".repeat(99)]: 1, rate: "9" } } },
    };
    const lines = ['{"v":1,"page":', JSON.stringify(head), "}\n", "not JSON\n", "[]\n"];
    expect(judge.pooling.take("other", id, lines.join(""))).toBe("end");
    add(judge, traffic(2, 100));
    expect(judge.analyze(true)[0]?.funnel).toMatchObject({ dropped: { rate: 12 } });
  });
});

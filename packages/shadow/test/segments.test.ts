import { describe, expect, test } from "@jest/globals";
import { evaluationConfig, type RequestKind, type Sample } from "@umbra/shadow";
import { createRandom } from "@umbra/shadow/statistics";
import { judgeSegments } from "../src/judge/segments.ts";
import { TableBuilder } from "../src/judge/table.ts";
import { leg, sample } from "./fixtures.ts";

const models = ["a", "b", "c", "d"];
const shapes = ["text", "json", "tools"] as const;
const config = evaluationConfig({ gates: { "tpot.typical": { margin: 0.1 } } });

interface Load {
  readonly seed: number;
  /** Mean log ratio of everybody. */
  readonly mean?: number;
  /** Added to it for offered tools, which are a tenth of the requests. */
  readonly tools?: number;
  /** Time constant of each lane's load, in s, and its share of the log ratio's variance. */
  readonly tauS?: number;
  readonly share?: number;
  readonly pairs?: number;
  readonly isStream?: boolean;
  /** Share of requests that fail on either lane, in outages that last. */
  readonly outages?: number;
}

const perSecond = 2;

/** Half an hour of pairs with a load that neighbours share, each of a model, a shape, a path and a priority. */
function pairs(options: Load): readonly Sample[] {
  const { seed, mean = 0, tools = 0, tauS = 0, share = 0.3 } = options;
  const { pairs: count = 3_360, isStream = true, outages = 0 } = options;
  const random = createRandom(seed);
  const normal = () =>
    Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit());
  const keep = tauS === 0 ? 0 : Math.exp(-1 / (perSecond * tauS));
  let [load, out] = [normal(), normal()];
  return Array.from({ length: count }, (_, i) => {
    load = keep * load + Math.sqrt(1 - keep * keep) * normal();
    out = keep * out + Math.sqrt(1 - keep * keep) * normal();
    const drawn = random.unit();
    const shape = shapes[drawn < 0.6 ? 0 : drawn < 0.9 ? 1 : 2] ?? "text";
    const request: RequestKind = {
      model: models[Math.floor(random.unit() * models.length)] ?? null,
      path: random.unit() < 0.8 ? "/v1/chat/completions" : "/v1/completions",
      shape,
      priority: random.unit() < 0.5 ? "Critical" : "Standard",
    };
    const spread =
      tauS === 0
        ? 0.35 * normal()
        : 0.35 * (Math.sqrt(share) * load + Math.sqrt(1 - share) * normal());
    const factor = Math.exp(mean + (shape === "tools" ? tools : 0) + spread);
    const size = Math.exp(0.6 * normal());
    const isBad = outages > 0 && out > 2 && random.unit() < outages;
    const times = (scale: number) => ({
      ...{ ttft: isStream ? 200 * scale : null, tpot: isStream ? 20 * scale : null },
      ...{ ttfo: null, e2e: 1_000 * scale, stream: isStream, promptTokens: Math.round(800 * size) },
    });
    const bad = { class: "server_error", status: 500, ttft: null, tpot: null, e2e: null } as const;
    return sample((i * 1_000) / perSecond, {
      id: `r${i}`,
      request,
      primary: leg(times(size)),
      shadow: isBad ? leg(bad) : leg(times(size * factor)),
    });
  });
}

function segmentsOf(samples: readonly Sample[], isFinal = true) {
  const table = new TableBuilder();
  for (const each of samples) {
    if (each.shadow !== null) table.add(each, each.primary, each.shadow);
  }
  return judgeSegments(table.build(0), { config, isFinal });
}

/** Of `runs`, how many have a flag. */
function runsWithFlags(load: Omit<Load, "seed">, runs: number): number {
  let seen = 0;
  for (let seed = 1; seed <= runs; seed++) {
    if (segmentsOf(pairs({ seed, ...load })).some(({ flagged }) => flagged)) seen++;
  }
  return seen;
}

const loads = [
  { name: "independent pairs", tauS: 0 },
  { name: "load that lasts 20 s", tauS: 20 },
  { name: "load that lasts 60 s", tauS: 60 },
];

/** Of 24 runs at a true rate of 10 %, more than this come by chance once in 100 times. */
const mostOf24 = 6;

describe("segments", () => {
  test.each(loads)("everything at the margin: hardly a false flag with $name", ({ tauS }) => {
    const runs = runsWithFlags({ mean: Math.log(1.1), tauS, pairs: 2_000 }, 24);
    expect(runs).toBeLessThanOrEqual(mostOf24);
  });

  test.each(loads)("equal lanes: no flag with $name", ({ tauS }) => {
    expect(runsWithFlags({ tauS }, 8)).toBe(0);
  });

  test("equal lanes with outages of both kinds of load: no flag of errors", () => {
    expect(runsWithFlags({ tauS: 20, outages: 0.1 }, 8)).toBe(0);
  });

  test.each(loads.slice(0, 2))(
    "finds one shape of a tenth that is 3x slower with $name",
    ({ tauS }) => {
      let found = 0;
      for (let seed = 1; seed <= 8; seed++) {
        const flagged = segmentsOf(pairs({ seed, tools: Math.log(3), tauS })).filter(
          (each) => each.flagged && each.gate === "ttft.typical",
        );
        if (flagged.some(({ bucket }) => bucket === "tools")) found++;
      }
      expect(found).toBe(8);
    },
  );

  test("whole answers are compared by their end", () => {
    const found = segmentsOf(pairs({ seed: 1, tools: Math.log(3), isStream: false }));
    expect(new Set(found.map(({ gate }) => gate))).toEqual(new Set(["whole.typical", "errors"]));
    expect(
      found.filter(({ flagged }) => flagged).map(({ by, bucket }) => `${by} ${bucket}`),
    ).toEqual(["shape tools"]);
  });

  test("a model that fails on every pair is flagged, and the others are not", () => {
    const bad = { class: "server_error", status: 500, ttft: null, tpot: null, e2e: null } as const;
    const samples = pairs({ seed: 9 }).map((each, i) => ({
      ...each,
      request: { model: i % 15 === 0 ? "bad" : "good", path: null, shape: null, priority: null },
      shadow: i % 15 === 0 ? leg(bad) : each.shadow,
    }));
    const found = segmentsOf(samples).filter(({ by, gate }) => by === "model" && gate === "errors");
    const shown = found.map(({ bucket, estimate, flagged }) => [bucket, estimate, flagged]);
    expect(shown).toEqual([
      ["good", 0, false],
      ["bad", 1, true],
    ]);
  });

  test("the margin of errors grows with the primary's own rate", () => {
    const bad = { class: "server_error", status: 500, ttft: null, tpot: null, e2e: null } as const;
    // Of the model "bad" the primary fails 20 %, and the shadow 21 %: a twentieth more, and half of a tenth.
    const samples = pairs({ seed: 9 }).map((each, i) => ({
      ...each,
      request: { model: i % 2 === 0 ? "bad" : "good", path: null, shape: null, priority: null },
      primary: i % 10 === 0 ? leg(bad) : each.primary,
      shadow: i % 10 === 0 || i % 200 === 2 ? leg(bad) : each.shadow,
    }));
    const found = segmentsOf(samples).filter(({ by, gate }) => by === "model" && gate === "errors");
    const shown = found.map(({ bucket, margin, flagged }) => [
      bucket,
      Number(margin.toFixed(6)),
      flagged,
    ]);
    expect(shown).toEqual([
      ["bad", 0.02, false],
      ["good", 0.005, false],
    ]);
  });

  test("nothing is flagged before the planned end", () => {
    const found = segmentsOf(pairs({ seed: 1, tools: Math.log(3) }), false);
    expect(found.filter(({ flagged, e_value }) => flagged || e_value !== null)).toEqual([]);
    expect(found.length).toBeGreaterThan(20);
  });

  test("a kind of all pairs is not a segment, nor is one with fewer than 30 pairs", () => {
    const base = pairs({ seed: 3, pairs: 600 });
    const some = base.map((each, i) => ({
      ...each,
      request: { model: "one", path: i < 29 ? "/rare" : "/usual", shape: null, priority: null },
    }));
    const names = new Set(segmentsOf(some).map(({ by, bucket }) => `${by} ${bucket}`));
    expect([...names].filter((name) => /^(model|stream)|rare/.test(name))).toEqual([]);
    expect(names).toContain("path /usual");
  });

  test("names from outside are bounded in number", () => {
    const many = pairs({ seed: 4 }).map((each, i) => ({
      ...each,
      request: { model: `m${i % 90}`, path: `/p${i % 90}`, shape: null, priority: `q${i % 90}` },
    }));
    const names = new Set(segmentsOf(many).map(({ by, bucket }) => `${by} ${bucket}`));
    expect(names.size).toBeLessThanOrEqual(40);
    expect([...names].filter((name) => name.startsWith("model ")).length).toBeLessThanOrEqual(10);
  });

  test("fewer than 200 pairs are shown and not tested", () => {
    const found = segmentsOf(pairs({ seed: 5, pairs: 1_200, tools: Math.log(3) }));
    const tools = found.find(({ bucket, gate }) => bucket === "tools" && gate === "ttft.typical");
    expect([tools?.e_value, tools?.flagged, (tools?.n ?? 0) < 200]).toEqual([null, false, true]);
  });
});

import { describe, expect, test } from "@jest/globals";
import { evaluationConfig } from "@umbra/shadow";
import { createRandom } from "@umbra/shadow/statistics";
import type { GateContext } from "../src/judge/gate-result.ts";
import { typicalGate } from "../src/judge/typical-gate.ts";

interface Setting {
  readonly seed: number;
  /** Mean of the pairs' log ratio. */
  readonly mean: number;
  /** Time constant of the shared load, in s; 0 for none. */
  readonly tauS: number;
  /** Share of the variance that the load carries. */
  readonly share: number;
}

const perSecond = 2;
const sd = 0.35;
const seconds = 1_680;

/** Log ratios at two pairs a second with an AR(1) load that neighbours share. */
function stream({ seed, mean, tauS, share }: Setting) {
  const random = createRandom(seed);
  const normal = () =>
    Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit());
  const keep = tauS === 0 ? 0 : Math.exp(-1 / (perSecond * tauS));
  const size = perSecond * seconds;
  const [atMs, logRatio] = [new Float64Array(size), new Float64Array(size)];
  let load = normal();
  for (let i = 0; i < size; i++) {
    load = keep * load + Math.sqrt(1 - keep * keep) * normal();
    atMs[i] = (i * 1_000) / perSecond;
    logRatio[i] = mean + sd * (Math.sqrt(share) * load + Math.sqrt(1 - share) * normal());
  }
  return { atMs, logRatio };
}

const context: GateContext = {
  config: evaluationConfig(),
  alpha: 0.05,
  failAlpha: { each: 0.005, typical: 0.025 },
  isFinal: true,
  seedOf: () => 1,
};

/** The gate on pairs of the first `end` s; the last one is the planned end. */
function lookAt({ atMs, logRatio }: ReturnType<typeof stream>, end: number) {
  const size = end * perSecond;
  const values = {
    atMs: atMs.subarray(0, size),
    logRatio: logRatio.subarray(0, size),
    baseline: new Float64Array(),
    shadow: new Float64Array(),
  };
  return typicalGate("ttft.typical", values, { ...context, isFinal: end === seconds });
}

/** How many of `runs` pass at the planned end. */
function passes(setting: Omit<Setting, "seed">, runs: number): number {
  const seeds = Array.from({ length: runs }, (_, i) => i + 1);
  return seeds.filter((seed) => lookAt(stream({ ...setting, seed }), seconds).status === "PASS")
    .length;
}

/** When each of `runs` fails, looked at every minute; infinite for those that never do. */
function failures(setting: Omit<Setting, "seed">, runs: number): number[] {
  return Array.from({ length: runs }, (_, i) => {
    const pairs = stream({ ...setting, seed: i + 1 });
    for (let end = 240; end <= seconds; end += 60) {
      if (lookAt(pairs, end).status === "FAIL") return end;
    }
    return Number.POSITIVE_INFINITY;
  }).sort((a, b) => a - b);
}

const loads = [
  { name: "independent pairs", tauS: 0, share: 0, equal: 99 },
  { name: "load that lasts 5 s", tauS: 5, share: 0.3, equal: 99 },
  { name: "load that lasts 20 s", tauS: 20, share: 0.3, equal: 80 },
  { name: "load that lasts 60 s", tauS: 60, share: 0.3, equal: 50 },
];

/** Of 100 runs at a true rate of 5 %, more than this come by chance once in 300 times. */
const mostOf100 = 11;

describe("judged once, at the planned end", () => {
  test.each(loads)("at the margin: hardly a false PASS with $name", (load) => {
    expect(passes({ mean: Math.log(1.1), ...load }, 100)).toBeLessThanOrEqual(mostOf100);
  });

  test.each(loads)("equal lanes pass with $name", ({ equal, ...load }) => {
    expect(passes({ mean: 0, ...load }, 100)).toBeGreaterThanOrEqual(equal);
  });
});

describe("looked at every minute", () => {
  test.each(loads)("equal lanes: no false FAIL with $name", (load) => {
    const failed = failures({ mean: 0, ...load }, 40).filter(Number.isFinite);
    expect(failed.length).toBeLessThanOrEqual(2);
  });

  test("a shadow slower by three tenths fails, half of the time within four minutes", () => {
    const at = failures({ mean: Math.log(1.3), tauS: 5, share: 0.3 }, 60);
    expect(at.filter(Number.isFinite).length).toBe(60);
    expect(at[30]).toBeLessThanOrEqual(300);
  });

  test("a shadow slower by three tenths fails where load lasts 20 s", () => {
    const at = failures({ mean: Math.log(1.3), tauS: 20, share: 0.3 }, 40);
    expect(at.filter(Number.isFinite).length).toBeGreaterThanOrEqual(36);
  });
});

import { describe, expect, test } from "@jest/globals";
import { evaluationConfig } from "@umbra/shadow";
import { createRandom } from "@umbra/shadow/statistics";
import { typicalGate } from "../src/judge/ratio-gate.ts";

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

/** Log ratios at two pairs a second with an AR(1) load that neighbours share. */
function stream({ seed, mean, tauS, share }: Setting, seconds: number) {
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

const config = evaluationConfig();

/** Looks after every block of ten seconds. Returns whether the gate ever said `status`. */
function ever(status: "PASS" | "FAIL", setting: Setting, seconds: number): boolean {
  const { atMs, logRatio } = stream(setting, seconds);
  const earlierBlocks = new Map<string, number>();
  for (let end = 200; end <= seconds; end += 10) {
    const size = end * perSecond;
    const values = {
      atMs: atMs.subarray(0, size),
      logRatio: logRatio.subarray(0, size),
      baseline: new Float64Array(),
      shadow: new Float64Array(),
    };
    const context = { config, requiredGates: 9, isFinal: false, seedOf: () => 1, earlierBlocks };
    const gate = typicalGate("ttft.typical", values, context);
    if (gate.status === status) return true;
    // A length that a decision could have been made on is kept.
    if (gate.block_s !== null && gate.reason?.code !== "too_few_blocks") {
      earlierBlocks.set("ttft.typical", gate.block_s * 1_000);
    }
  }
  return false;
}

function count(status: "PASS" | "FAIL", setting: Omit<Setting, "seed">, runs: number): number {
  let seen = 0;
  for (let seed = 1; seed <= runs; seed++) {
    if (ever(status, { seed, ...setting }, 900)) seen++;
  }
  return seen;
}

/** Of 100 runs at a true rate of 5 %, more than this come by chance once in 300 times. */
const mostOf100 = 11;

describe("looked at after every block", () => {
  const loads = [
    { name: "independent pairs", tauS: 0, share: 0 },
    { name: "load that lasts 5 s", tauS: 5, share: 0.3 },
    { name: "load that lasts 20 s", tauS: 20, share: 0.3 },
  ];

  test.each(loads)("at the margin: hardly a false PASS with $name", (load) => {
    const mean = Math.log(1.1);
    expect(count("PASS", { mean, ...load }, 100)).toBeLessThanOrEqual(mostOf100);
  });

  test.each(loads)("equal lanes: no false FAIL with $name", (load) => {
    expect(count("FAIL", { mean: 0, ...load }, 100)).toBeLessThanOrEqual(2);
  });

  test("at the margin: hardly a false FAIL, at the share of one gate of nine", () => {
    const setting = { mean: Math.log(1.1), tauS: 0, share: 0 };
    expect(count("FAIL", setting, 100)).toBeLessThanOrEqual(3);
  });

  test("equal lanes pass in 15 minutes, most of the time", () => {
    expect(count("PASS", { mean: 0, tauS: 0, share: 0 }, 50)).toBeGreaterThanOrEqual(45);
  });

  test("a shadow slower by a quarter fails, all but every time", () => {
    expect(count("FAIL", { mean: Math.log(1.25), tauS: 0, share: 0 }, 50)).toBeGreaterThanOrEqual(
      49,
    );
  });
});

import { describe, expect, test } from "@jest/globals";
import { evaluationConfig } from "@umbra/shadow";
import { createDraws } from "../evaluation/draws.ts";
import { evaluate } from "../evaluation/evaluate.ts";
import { requestsOf } from "../evaluation/traffic/requests.ts";
import { samplesOf } from "../evaluation/traffic/samples.ts";
import { independent, type Traffic } from "../evaluation/traffic/traffic.ts";
import { equal, slower, type Truth } from "../evaluation/truth.ts";

/** Short, so that Jest's slow sandbox gets through. */
const config = evaluationConfig({ horizonMs: 600_000, minPairs: 400, warmupMs: 60_000 });
const atS = Array.from({ length: 15 }, (_, i) => (i + 1) * 60);

function samples(traffic: Partial<Traffic>, truth: Truth) {
  const full = { ...independent, seconds: 600, ...traffic };
  const draws = createDraws(5);
  return samplesOf(requestsOf(full, truth, draws), full, draws);
}

describe("a simulated evaluation", () => {
  test("ends with the first final analysis, at the planned end", () => {
    const { decidedAtS, pairs } = evaluate(samples({}, equal), config, { atS });
    expect(decidedAtS).toBe(600);
    expect(pairs).toBeGreaterThan(950);
  });

  test("ends with a FAIL before the planned end", () => {
    const { status, decidedAtS, gates } = evaluate(samples({}, slower(3)), config, { atS });
    const typical = gates.find(({ id }) => id === "ttft.typical");
    expect(status).toBe("FAIL");
    expect(decidedAtS).toBeLessThan(600);
    expect(typical?.failedAtS).toBeLessThanOrEqual(decidedAtS ?? 0);
  });

  test("continues after the planned end when pairs are missing, and is not decided by it", () => {
    const few = samples({ perSecond: 0.3 }, equal);
    const { status, decidedAtS } = evaluate(few, config, { atS });
    expect(status).toBe("INCONCLUSIVE");
    expect(decidedAtS).toBeUndefined();
  });

  test("continues after an INCONCLUSIVE verdict if asked to, and otherwise stops at it", () => {
    const few = samples({ perSecond: 0.8, seconds: 1_200 }, slower(1.1));
    const twice = { atS: [600, 1_200] };
    const once = evaluate(few, config, twice);
    const going = evaluate(few, config, { ...twice, goesOn: true });
    expect(once).toMatchObject({ status: "INCONCLUSIVE", decidedAtS: 600 });
    expect(going.pairs).toBeGreaterThan(1.5 * once.pairs);
  });

  /** With a sampling rate no interim analysis is left out. */
  test.each<[string, Partial<Traffic>, Truth]>([
    ["equal lanes under lasting load", { load: { memoryS: 60, share: 0.6 } }, equal],
    ["a slower shadow", {}, slower(1.4)],
    ["whole answers that are slower", { streamed: 0.3 }, { whole: 3 }],
    ["lost twins", { lost: { atRandom: 0.1, slowestRatio: Number.POSITIVE_INFINITY } }, equal],
    ["outages", { outages: { primary: 10, shadow: 10, seconds: 20 } }, equal],
    ["clients that leave", { patienceMs: 300 }, slower(1.5)],
  ])(
    "is the same when analyses in which no gate can fail are left out: %s",
    (_, traffic, truth) => {
      const each5s = { atS: Array.from({ length: 118 }, (__, i) => (i + 1) * 5).concat(600) };
      const run = samples(traffic, truth);
      const limited = evaluationConfig({ ...config, slo: { ttft: 500 } });
      const everyTime = { ...each5s, sampling: { percent: 100, by: "request" } } as const;
      expect(evaluate(run, limited, each5s)).toEqual(evaluate(run, limited, everyTime));
    },
  );

  test("sees at each analysis only what has ended by then", () => {
    const { pairs } = evaluate(samples({ seconds: 1_200 }, equal), config, { atS: [600] });
    expect(pairs).toBeLessThan(1_200);
  });
});

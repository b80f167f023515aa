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
const everyS = 60;

function samples(traffic: Partial<Traffic>, truth: Truth) {
  const full = { ...independent, seconds: 600, ...traffic };
  const draws = createDraws(5);
  return samplesOf(requestsOf(full, truth, draws), full, draws);
}

describe("a simulated evaluation", () => {
  test("ends with the first final analysis, at the planned end", () => {
    const { decidedAtS, pairs } = evaluate(samples({}, equal), config, { everyS });
    expect(decidedAtS).toBe(600);
    expect(pairs).toBeGreaterThan(950);
  });

  test("ends with a FAIL before the planned end", () => {
    const { status, decidedAtS, gates } = evaluate(samples({}, slower(3)), config, { everyS });
    const typical = gates.find(({ id }) => id === "ttft.typical");
    expect(status).toBe("FAIL");
    expect(decidedAtS).toBeLessThan(600);
    expect(typical?.failedAtS).toBeLessThanOrEqual(decidedAtS ?? 0);
  });

  test("goes on behind the planned end when pairs are missing, and is not decided by it", () => {
    const few = samples({ perSecond: 0.3 }, equal);
    const { status, decidedAtS } = evaluate(few, config, { everyS });
    expect(status).toBe("INCONCLUSIVE");
    expect(decidedAtS).toBeUndefined();
  });

  test("sees at each analysis only what has ended by then", () => {
    const { pairs } = evaluate(samples({ seconds: 1_200 }, equal), config, { everyS: undefined });
    expect(pairs).toBeLessThan(1_200);
  });
});

import { describe, expect, test } from "@jest/globals";
import { evaluationConfig, judge } from "@umbra/shadow";
import { headlineOf } from "../src/render/headline.ts";
import { traffic } from "./fixtures.ts";

const samples = traffic({ seed: 4, pairs: 150, perSecond: 1 });
const config = evaluationConfig({ horizonMs: 600_000, warmupMs: 0 });
const headline = (isFinished: boolean) =>
  headlineOf(judge({ samples, config, facts: { isFinished } }));

describe("too few pairs", () => {
  test("in a file are inconclusive, with how many there are and how many it takes", () => {
    const { word, reasons } = headline(true);
    expect(word).toBe("INCONCLUSIVE");
    expect(reasons[0]).toBe("the samples hold 150 pairs, and 2,000 are needed");
  });

  test("so far are collecting", () => {
    expect(headline(false).word).toBe("collecting");
  });
});

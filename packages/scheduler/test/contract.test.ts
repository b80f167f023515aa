import { describe, expect, test } from "@jest/globals";
import {
  type Candidate,
  freshMetricsFilter,
  kvCacheScorer,
  leastKvCacheFilter,
  leastQueueFilter,
  loraAffinityFilter,
  loraAffinityScorer,
  maxScorePicker,
  queueScorer,
  randomPicker,
  runningRequestsScorer,
  weightedRandomPicker,
} from "@umbra/scheduler";
import fc from "fast-check";
import { endpoint, pools } from "./fixtures.ts";

const requests = fc.constantFrom({ model: "base" }, { model: "a", adapter: "a" });

const filters = {
  freshMetricsFilter,
  leastKvCacheFilter,
  leastQueueFilter,
  loraAffinityFilter: loraAffinityFilter(),
};

describe.each(Object.entries(filters))("%s keeps the filter contract", (_name, filter) => {
  test("keeps a subset in the same order, and never empties the pool", () => {
    fc.assert(
      fc.property(requests, pools, (request, endpoints) => {
        const kept = filter(request, endpoints);
        expect(endpoints.filter((each) => kept.includes(each))).toEqual(kept);
        expect(kept.length > 0).toBe(endpoints.length > 0);
      }),
    );
  });

  test("does not depend on the order of the endpoints", () => {
    fc.assert(
      fc.property(requests, pools, (request, endpoints) => {
        const reversed = filter(request, endpoints.toReversed());
        expect(reversed.toReversed()).toEqual(filter(request, endpoints));
      }),
    );
  });
});

const scorers = { kvCacheScorer, loraAffinityScorer, queueScorer, runningRequestsScorer };

describe.each(Object.entries(scorers))("%s keeps the scorer contract", (_name, scorer) => {
  test("gives one score for each endpoint, within [0, 1]", () => {
    fc.assert(
      fc.property(requests, pools, (request, endpoints) => {
        const scores = scorer(request, endpoints);
        expect(scores).toHaveLength(endpoints.length);
        for (const score of scores) expect(score >= 0 && score <= 1).toBe(true);
      }),
    );
  });

  test("does not depend on the order of the endpoints", () => {
    fc.assert(
      fc.property(requests, pools, (request, endpoints) => {
        const reversed = scorer(request, endpoints.toReversed());
        expect([...reversed].reverse()).toEqual(scorer(request, endpoints));
      }),
    );
  });
});

const pickers = { maxScorePicker, randomPicker, weightedRandomPicker };

describe.each(Object.entries(pickers))("%s keeps the picker contract", (_name, createPicker) => {
  test("picks one of the candidates, whatever the random source says", () => {
    const scores = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), {
      minLength: 1,
      maxLength: 8,
    });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(scores, random, (values, drawn) => {
        const [first, ...rest] = values.map(
          (score): Candidate => ({ endpoint: endpoint(), score }),
        );
        if (first === undefined) throw new Error("unreachable");
        expect([first, ...rest]).toContain(createPicker(() => drawn)([first, ...rest]));
      }),
    );
  });
});

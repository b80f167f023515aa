import { describe, expect, test } from "@jest/globals";
import {
  adapterRoomFilter,
  capacityFilter,
  circuitBrokenFilter,
  decisionTreeProfile,
  defaultProfile,
  expectedWorkScorer,
  type Filter,
  freshMetricsFilter,
  inFlightScorer,
  kvCacheScorer,
  labelFilter,
  latencyScorer,
  leastKvCacheFilter,
  leastQueueFilter,
  loadAwareScorer,
  loraAffinityFilter,
  loraAffinityScorer,
  lowQueueFilter,
  maxInFlightFilter,
  maxScorePicker,
  noHitLruScorer,
  type Picker,
  type Profile,
  powerOfTwoPicker,
  prefixAffinityFilter,
  prefixCacheScorer,
  queueScorer,
  randomPicker,
  referenceProfile,
  runningRequestsScorer,
  type Scorer,
  sessionAffinityScorer,
  tokenLoadScorer,
  topKPicker,
  weightedRandomPicker,
} from "@umbra/scheduler";
import fc from "fast-check";
import { contexts, pools, requests, scoresOf } from "./fixtures.ts";

const filters: readonly Filter[] = [
  adapterRoomFilter,
  capacityFilter(),
  circuitBrokenFilter,
  freshMetricsFilter,
  labelFilter({ label: "tier", values: ["gold"] }),
  leastKvCacheFilter(),
  leastQueueFilter(),
  leastQueueFilter({ band: "range-per-endpoint" }),
  loraAffinityFilter(),
  lowQueueFilter(),
  maxInFlightFilter(100),
  prefixAffinityFilter(),
];

describe.each(filters.map((filter) => ({ name: filter.name, filter })))(
  "the filter $name keeps the contract",
  ({ filter }) => {
    test("keeps a subset in the same order", () => {
      fc.assert(
        fc.property(requests, pools, contexts, (request, endpoints, context) => {
          const kept = filter.narrow(request, endpoints, context);
          expect(endpoints.filter((each) => kept.includes(each))).toEqual(kept);
        }),
      );
    });

    test("does not depend on the order of the endpoints", () => {
      fc.assert(
        fc.property(requests, pools, contexts, (request, endpoints, context) => {
          const reversed = filter.narrow(request, endpoints.toReversed(), context);
          expect(reversed.toReversed()).toEqual(filter.narrow(request, endpoints, context));
        }),
      );
    });

    test("keeps the same endpoints when applied twice", () => {
      fc.assert(
        fc.property(requests, pools, contexts, (request, endpoints, context) => {
          const once = filter.narrow(request, endpoints, context);
          // A band is relative to its range, which is narrower the second time.
          if (filter.name.startsWith("least-")) return;
          expect(filter.narrow(request, once, context)).toEqual(once);
        }),
      );
    });
  },
);

const scorers: readonly Scorer[] = [
  expectedWorkScorer(),
  inFlightScorer(),
  inFlightScorer({ idleThreshold: 5, maxBusyScore: 0.5 }),
  kvCacheScorer,
  latencyScorer,
  loadAwareScorer(),
  loraAffinityScorer,
  noHitLruScorer(),
  prefixCacheScorer(),
  prefixCacheScorer({ lengthWeight: 0.5 }),
  queueScorer,
  runningRequestsScorer,
  sessionAffinityScorer(),
  tokenLoadScorer({ threshold: 10_000 }),
];

describe.each(scorers.map((scorer) => ({ name: scorer.name, scorer })))(
  "the scorer $name keeps the contract",
  ({ name, scorer }) => {
    test("gives one score for each endpoint, within [0, 1], and writes nothing after them", () => {
      fc.assert(
        fc.property(requests, pools, contexts, (request, endpoints, context) => {
          const scores = new Float64Array(endpoints.length + 1).fill(0);
          scores[endpoints.length] = 7;
          scorer.score(request, endpoints, scores, context);
          const given = [...scores.subarray(0, endpoints.length)];
          expect(given.every((score) => score >= 0 && score <= 1)).toBe(true);
          expect(scores[endpoints.length]).toBe(7);
        }),
      );
    });

    test("does not depend on the order of the endpoints", () => {
      // The rule of this scorer: endpoints that were never used are ranked in order.
      if (name === "no-hit-lru") return;
      fc.assert(
        fc.property(requests, pools, contexts, (request, endpoints, context) => {
          const reversed = scoresOf(scorer, request, endpoints.toReversed(), context);
          expect(reversed.toReversed()).toEqual(scoresOf(scorer, request, endpoints, context));
        }),
      );
    });
  },
);

const pickers: readonly Picker[] = [
  maxScorePicker,
  powerOfTwoPicker,
  randomPicker,
  topKPicker(1),
  topKPicker(3),
  weightedRandomPicker,
];

describe.each(pickers.map((picker) => ({ name: picker.name, picker })))(
  "the picker $name keeps the contract",
  ({ picker }) => {
    test("picks one of the endpoints for any random number", () => {
      const scores = fc.array(fc.double({ min: 0, max: 3, noNaN: true }), {
        minLength: 1,
        maxLength: 8,
      });
      const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
      fc.assert(
        fc.property(scores, random, (values, drawn) => {
          const given = Float64Array.from([...values, 99]);
          const index = picker.pick(given, values.length, () => drawn);
          expect(Number.isInteger(index) && index >= 0 && index < values.length).toBe(true);
        }),
      );
    });
  },
);

const profiles: readonly (() => Profile)[] = [
  decisionTreeProfile,
  defaultProfile,
  referenceProfile,
];

describe.each(profiles.map((create) => ({ name: create().name, create })))(
  "the profile $name keeps the contract",
  ({ create }) => {
    test("chooses one of the endpoints, or names the filter that refused", () => {
      const profile = create();
      fc.assert(
        fc.property(requests, pools, contexts, (request, endpoints, context) => {
          if (endpoints.length === 0) return;
          const choice = profile.choose(request, endpoints, context);
          const seen = "refusedBy" in choice ? choice.refusedBy.refusal : choice;
          expect(["SHED", ...endpoints]).toContain(seen);
        }),
      );
    });
  },
);

import { quantile, sorted } from "@umbra/shadow/statistics";
import { testSize } from "../../../testing/test-size.ts";
import { createDraws } from "../../evaluation/draws.ts";
import { arrivalsOf } from "../../evaluation/traffic/arrivals.ts";
import { heavyTail, lasting } from "../../evaluation/traffic/kinds.ts";
import { loadAt } from "../../evaluation/traffic/load.ts";
import { outagesOf } from "../../evaluation/traffic/outages.ts";
import { type Requests, requestsOf } from "../../evaluation/traffic/requests.ts";
import { independent, type Traffic } from "../../evaluation/traffic/traffic.ts";
import { equal, slower, type Truth } from "../../evaluation/truth.ts";
import { correlation, mean, sd } from "./moments.ts";

function drawn(traffic: Partial<Traffic>, truth: Truth = equal): Requests {
  const long = { ...independent, seconds: testSize(20_000, 40_000), ...traffic };
  return requestsOf(long, truth, createDraws(7));
}

function logRatios({ primary, shadow }: Requests, of: "ttft" | "e2e" = "ttft"): Float64Array {
  return primary[of].map((first, i) => Math.log((shadow[of][i] ?? 0) / first));
}

const level = (values: Float64Array, p: number) => quantile(sorted(values), p);

/** Spread of the load, and its correlation one, two and ten memories apart. */
export function loadMoments(memoryS: number) {
  // Half a second apart, for 4,000 times the memory.
  const times = Float64Array.from({ length: memoryS * 8_000 }, (_, i) => i / 2);
  const load = loadAt(times, memoryS, createDraws(memoryS));
  const [one, two, ten] = [1, 2, 10].map((memories) =>
    correlation(load, 1, 2 * memories * memoryS),
  );
  return { sd: sd(load), one, two, ten };
}

/** Spread of the log ratio, and the correlation of neighbours, with load that lasts and without. */
export function ratioMoments() {
  const lasts = logRatios(drawn({ ...lasting(60), seconds: testSize(100_000, 400_000) }));
  const independents = logRatios(drawn({}));
  return {
    sd: sd(lasts),
    neighbours: correlation(lasts, sd(lasts), 1),
    independent: correlation(independents, sd(independents), 1),
  };
}

/** Requests in each 10 s of a long run. */
export function arrivalCounts(arrivals: Traffic["arrivals"]) {
  const times = arrivalsOf({ ...independent, arrivals, seconds: 200_000 }, createDraws(3));
  const counts = new Float64Array(20_000);
  for (const at of times) {
    const slot = Math.floor(at / 10);
    counts[slot] = (counts[slot] ?? 0) + 1;
  }
  const [start, middle] = [counts.subarray(0, 400), counts.subarray(9_800, 10_200)].map(mean);
  return {
    mean: mean(counts),
    dispersion: sd(counts) ** 2 / mean(counts),
    median: level(counts, 0.5),
    top: level(counts, 0.97),
    ...{ start, middle },
  };
}

/** Mean log ratio, and the ratio at the 90th percentile, of a shadow that is slower by a factor. */
export function slowerShadow(factor: number) {
  const requests = drawn({}, slower(factor));
  const { primary, shadow } = requests;
  return {
    typical: Math.exp(mean(logRatios(requests))),
    p90: level(shadow.ttft, 0.9) / level(primary.ttft, 0.9),
  };
}

/** Ratios of quantiles of a shadow with a stretched tail: at `at`, and in the middle. */
export function stretchedTail(tail: NonNullable<Truth["tail"]>, at: number) {
  const of = tail.of === "whole" ? "e2e" : tail.of;
  const traffic = { perSecond: 10, streamed: tail.of === "whole" ? 0 : 1 };
  const { primary, shadow } = drawn(traffic, { tail });
  const ratio = (p: number) => level(shadow[of], p) / level(primary[of], p);
  return { at: ratio(at), median: ratio(0.5) };
}

/** Share of streams, and the typical ratio of E2E of streams and of whole answers, which take `factor` times as long. */
export function wholeAnswers(streamed: number, factor: number) {
  const requests = drawn({ streamed, seconds: 40_000 }, { whole: factor });
  const logs = logRatios(requests, "e2e");
  const typical = (kind: number) =>
    Math.exp(mean(logs.filter((_, i) => requests.isStream[i] === kind)));
  return { streamed: mean(requests.isStream), whole: typical(0), streams: typical(1) };
}

/** Spread of the log of Pareto's TTFT, and the mean of what is over 1. */
export function paretoTail() {
  const { primary } = drawn({ ...heavyTail, promptLogSd: 0, perSecond: 10 });
  const logs = primary.ttft.map((ms) => Math.log(ms / 200));
  return { sd: sd(logs), excess: mean(logs.filter((log) => log > 1)) - 1 };
}

/** Share of the time that is an outage, and their mean length in s. */
export function outageShares(perHour: number, lengthS: number) {
  const isDown = outagesOf(perHour, lengthS, createDraws(5));
  const down = Float64Array.from({ length: testSize(2_000_000, 4_000_000) }, (_, s) =>
    Number(isDown(s)),
  );
  const starts = down.filter((now, s) => now === 1 && down[s - 1] === 0).length;
  return { share: mean(down), lengthS: (mean(down) * down.length) / starts };
}

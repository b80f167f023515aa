import type { Sample, SampleLeg } from "../samples/sample.ts";
import { cutBlocks } from "../statistics/blocks.ts";
import { influencesOf, memoryOf } from "../statistics/long-run.ts";
import { quantile, sorted } from "../statistics/quantile.ts";
import type { EvaluationConfig } from "./config.ts";

/** Variation of the traffic, which decides how many pairs a verdict needs. */
export interface TrafficProfile {
  /** Standard deviation of a pair's log ratio of TTFT, or of E2E if nothing streams. */
  readonly logRatioSd: number;
  /** The same for TPOT. */
  readonly tpotRatioSd: number;
  /** Standard deviation of the log of TTFT itself, from its upper tail; for p90 and p99. */
  readonly logSd: number;
  /** The same for TPOT. */
  readonly tpotLogSd: number;
  /** Share of the variance of a pair's log ratio that is caused by load. */
  readonly loadShare: number;
  /** How long swings of the load last: their time constant, in seconds. */
  readonly tauS: number;
  /** Share of requests that stream. */
  readonly streamedShare: number;
  /** Share of pairs in which exactly one leg has an error. */
  readonly discordance: number;
  /** Share of pairs in which exactly one leg misses the SLO. */
  readonly sloDiscordance: number;
  /** Share of the primary's requests that miss the SLO. */
  readonly missShare: number;
  /** Mean time of a request, in seconds; absent where it is not known. */
  readonly e2eS?: number;
}

/** Typical values of streamed chat at moderate load. */
export const usualProfile: TrafficProfile = {
  ...{ logRatioSd: 0.35, tpotRatioSd: 0.1, logSd: 0.6, tpotLogSd: 0.15, loadShare: 0.3, tauS: 10 },
  ...{ streamedShare: 1, discordance: 0.002, sloDiscordance: 0.02, missShare: 0.02 },
};

/** Fewest samples for measuring variation. */
const minSamples = 200;
const blockMs = 10_000;

export interface Profiled {
  readonly profile: Partial<TrafficProfile>;
  /** Measured requests of the primary. */
  readonly requests: number;
  /** Pairs among them; without pairs, the variation of ratios is derived from the primary's. */
  readonly pairs: number;
}

/**
 * Measures the profile of a running primary from samples of mirrored or unmirrored requests. Without pairs, assumes a
 * shadow like the primary and independent of it: twice the primary's variance, without the part that prompt size
 * explains.
 */
export function profileOf(
  samples: readonly Sample[],
  config: Pick<EvaluationConfig, "slo">,
): Profiled {
  const used = samples
    .filter(({ primary }) => primary.class === "ok" && latencyOf(primary) > 0)
    .toSorted((a, b) => a.t0 - b.t0);
  const pairs = used.filter(({ shadow }) => shadow?.class === "ok" && latencyOf(shadow) > 0);
  const counts = { requests: used.length, pairs: pairs.length };
  if (used.length < minSamples) return { profile: {}, ...counts };
  const latencies = used.map(({ primary }) => Math.log(latencyOf(primary)));
  const own = residuals(used, latencies);
  const isPaired = pairs.length >= minSamples;
  const of = isPaired ? pairs : used;
  const ratios = isPaired
    ? pairs.map(({ primary, shadow }) =>
        Math.log(latencyOf(shadow ?? primary) / latencyOf(primary)),
      )
    : own.map((each) => each * Math.SQRT2);
  const blocks = cutBlocks(
    of.map(({ t0 }) => t0),
    ratios,
    blockMs,
  );
  const variance = spread(ratios) ** 2;
  const perBlock = ratios.length / Math.max(1, blocks.count);
  const load = Math.max(0, blocks.sd ** 2 - variance / perBlock);
  const misses = used.filter(({ primary }) => missesSlo(primary, config.slo)).length / used.length;
  const times = used.flatMap(({ primary }) => primary.e2e ?? []);
  return {
    profile: {
      logRatioSd: Math.sqrt(variance),
      logSd: tailSd(latencies),
      loadShare: Math.min(0.95, load / Math.max(variance, 1e-12)),
      tauS: Math.max(1, (memoryOf(influencesOf(blocks)) * blockMs) / 1_000),
      streamedShare: used.filter(({ primary }) => primary.stream === true).length / used.length,
      ...{ missShare: misses, sloDiscordance: 2 * misses * (1 - misses) },
      ...discordanceOf(samples),
      ...(times.length === 0 ? {} : { e2eS: mean(times) / 1_000 }),
    },
    ...counts,
  };
}

function latencyOf(leg: SampleLeg): number {
  return (leg.stream === true ? leg.ttft : leg.e2e) ?? 0;
}

/**
 * Share of pairs with an error in exactly one leg, if there are errors. Equal lanes with error rate p have 2 p (1 - p).
 */
function discordanceOf(samples: readonly Sample[]): { readonly discordance?: number } {
  const known = samples.filter(({ primary }) => primary.class !== null);
  const bad = known.filter(({ primary }) => primary.class !== "ok").length;
  if (bad === 0) return {};
  const share = bad / known.length;
  return { discordance: 2 * share * (1 - share) };
}

function missesSlo(leg: SampleLeg, slo: EvaluationConfig["slo"]): boolean {
  const over = (value: number | null, limit: number | undefined) =>
    limit !== undefined && value !== null && value > limit;
  return over(leg.ttft, slo.ttft) || over(leg.tpot, slo.tpot) || over(leg.e2e, slo.e2e);
}

/** Residuals of log latencies after a linear fit over log prompt size. */
function residuals(samples: readonly Sample[], values: readonly number[]): readonly number[] {
  const sizes = samples.map(({ primary }) => Math.log(Math.max(1, primary.promptBytes ?? 1)));
  const [x, y] = [mean(sizes), mean(values)];
  let [products, squares] = [0, 0];
  sizes.forEach((size, i) => {
    products += (size - x) * ((values[i] ?? 0) - y);
    squares += (size - x) ** 2;
  });
  const slope = squares === 0 ? 0 : products / squares;
  return values.map((value, i) => value - y - slope * ((sizes[i] ?? 0) - x));
}

/** Standard deviation of the normal distribution with the same p90 and p99; tails are often heavier than the middle. */
function tailSd(values: readonly number[]): number {
  const of = sorted(values);
  const [p50, p90, p99] = [0.5, 0.9, 0.99].map((level) => quantile(of, level));
  return Math.max(((p90 ?? 0) - (p50 ?? 0)) / 1.2816, ((p99 ?? 0) - (p50 ?? 0)) / 2.3263, 1e-3);
}

function spread(values: readonly number[]): number {
  const centre = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - centre) ** 2)));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

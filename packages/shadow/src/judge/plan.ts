import { cosines } from "../statistics/long-run.ts";
import { normalQuantile } from "../statistics/normal.ts";
import { createRandom, type Random } from "../statistics/random.ts";
import { studentQuantile } from "../statistics/student-t.ts";
import type { EvaluationConfig, GateId } from "./config.ts";
import { rareShare } from "./gates.ts";
import { type TrafficProfile, usualProfile } from "./traffic-profile.ts";

/** Assumptions of a plan about the traffic. */
export interface PlanInput {
  readonly config: EvaluationConfig;
  /** Eligible requests per second at the primary. */
  readonly ratePerSecond: number;
  /** Mirrored percentage of them, 0 to 100. */
  readonly percent: number;
  /** Variation of the traffic, measured or assumed; absent fields have usual values. */
  readonly profile?: Partial<TrafficProfile>;
}

export interface PlannedGate {
  readonly id: GateId;
  readonly required: boolean;
  readonly margin: number;
  /** Probability that the gate passes at the horizon if both lanes are equal. */
  readonly power: number;
  /** Smallest change found with 80 % power at the horizon: a ratio (1.14) or a rate (0.004). */
  readonly detectable: number;
  /** Time until the gate passes with 80 % power, in seconds from the start; null if a week is not enough. */
  readonly seconds: number | null;
}

export interface Plan {
  readonly pairsPerSecond: number;
  /** Pairs after the warm-up, at the horizon. */
  readonly pairs: number;
  readonly profile: TrafficProfile;
  readonly gates: readonly PlannedGate[];
  /** Probability that all required gates pass at the horizon if both lanes are equal; 0 with too few pairs. */
  readonly power: number;
  /** True if there are fewer than `minPairs` pairs at the horizon, so that a PASS is impossible. */
  readonly isShortOfPairs: boolean;
  /**
   * Shortest horizon in seconds at which that probability is 80 % and there are `minPairs` pairs, also below the
   * configured one; null if a week is not enough.
   */
  readonly seconds: number | null;
}

const wantedPower = 0.8;
const week = 7 * 24 * 3_600;
const draws = 1_000;

/**
 * Estimates what an evaluation of equal lanes finds at its horizon. Sustained load is part of every standard error: the
 * variance of a mean over T seconds is `own / n + 2 tau load / T`. Gates of one measure share that load and tend to
 * pass together. Different measures are assumed to be independent, so the true probability that all gates pass
 * is usually higher than the estimate.
 */
export function planEvaluation(input: PlanInput): Plan {
  const { config, ratePerSecond, percent } = input;
  const profile = { ...usualProfile, ...input.profile };
  const pairsPerSecond = (ratePerSecond * percent) / 100;
  const circumstances = { config, pairsPerSecond, profile };
  const ids = (Object.keys(config.gates) as GateId[]).filter((id) => applies(id, config, profile));
  const scaled = (id: GateId, seconds: number): ScaledGate => {
    const { own, lasting } = errorOf(id, seconds, circumstances);
    const room = roomOf(id, config, profile);
    return { own: own / room, lasting: lasting / room };
  };
  const horizonS = config.horizonMs / 1_000;
  const pairs = judgedSeconds(horizonS, config) * pairsPerSecond;
  const isShortOfPairs = pairs < config.minPairs;
  const forPairs = config.minPairs / pairsPerSecond + config.warmupMs / 1_000;
  const power = (gates: readonly ScaledGate[], seconds: number) =>
    powerOf(gates, testAt(seconds, config));
  const gates = ids.map((id): PlannedGate => {
    const { own, lasting } = errorOf(id, horizonS, circumstances);
    const found = shortest((seconds) => power([scaled(id, seconds)], seconds));
    return {
      ...{ id, ...config.gates[id] },
      power: isShortOfPairs ? 0 : power([scaled(id, horizonS)], horizonS),
      detectable: detectable(id, Math.hypot(own, lasting), testAt(horizonS, config)),
      seconds: found === null ? null : Math.max(found, forPairs),
    };
  });
  const required = Map.groupBy(
    ids.filter((id) => config.gates[id].required),
    (id) => (isRate(id) ? id : id.split(".")[0]),
  );
  const together = (seconds: number) =>
    [...required.values()].reduce(
      (product, group) =>
        product *
        power(
          group.map((id) => scaled(id, seconds)),
          seconds,
        ),
      1,
    );
  const found = shortest(together);
  return {
    pairsPerSecond,
    pairs,
    isShortOfPairs,
    profile,
    gates,
    power: isShortOfPairs ? 0 : together(horizonS),
    seconds: found === null ? null : Math.max(found, forPairs),
  };
}

interface Circumstances {
  readonly config: EvaluationConfig;
  readonly pairsPerSecond: number;
  readonly profile: TrafficProfile;
}

/** True if the gate will be judged: gates of rare kinds of traffic are left out if they have too few pairs. */
function applies(id: GateId, config: EvaluationConfig, profile: TrafficProfile): boolean {
  if (id === "slo") return Object.keys(config.slo).length > 0;
  return shareOf(id, profile) >= rareShare;
}

function judgedSeconds(seconds: number, { warmupMs }: EvaluationConfig): number {
  return Math.max(0, seconds - warmupMs / 1_000);
}

/** Parts of a standard error: from single requests, and from sustained load. */
interface StandardError {
  readonly own: number;
  readonly lasting: number;
}

const unknown: StandardError = { own: Number.POSITIVE_INFINITY, lasting: 0 };

/** Standard error of the gate's estimate after a number of seconds; infinite with too few blocks or pairs. */
function errorOf(
  id: GateId,
  seconds: number,
  { config, pairsPerSecond, profile }: Circumstances,
): StandardError {
  const span = judgedSeconds(seconds, config);
  const n = span * pairsPerSecond * shareOf(id, profile);
  if (span < (20 * (config.blockLengthsMs[0] ?? 10_000)) / 1_000) return unknown;
  const isTpot = id.startsWith("tpot.");
  const sd = isTpot ? profile.tpotRatioSd : profile.logRatioSd;
  const swing = (2 * Math.min(profile.tauS, span)) / span;
  const lasting = sd * Math.sqrt(profile.loadShare * swing);
  const level = levelOf(id);
  if (level !== undefined) {
    if (n < (level === 0.99 ? 1_000 : 200)) return unknown;
    const logSd = isTpot ? profile.tpotLogSd : profile.logSd;
    return { own: Math.sqrt(quantileVariance(level, sd, logSd) / n), lasting };
  }
  if (!isRate(id)) return { own: sd * Math.sqrt((1 - profile.loadShare) / n), lasting };
  // SLO misses follow the load to the extent that load moves requests over the limit.
  const own = Math.sqrt(discordanceOf(id, profile) / n);
  return { own, lasting: id === "slo" ? 0.2 * lasting : 0 };
}

function levelOf(id: GateId): 0.9 | 0.99 | undefined {
  return id.endsWith(".p90") ? 0.9 : id.endsWith(".p99") ? 0.99 : undefined;
}

/**
 * Variance per pair of the log ratio of both lanes' quantiles. Requests that are slow on one lane tend to be slow on
 * the other.
 */
function quantileVariance(level: 0.9 | 0.99, ratioSd: number, logSd: number): number {
  const at = normalQuantile(level);
  const density = Math.exp((-at * at) / 2) / Math.sqrt(2 * Math.PI) / logSd;
  const correlation = Math.max(0, 1 - ratioSd ** 2 / (2 * logSd ** 2));
  // Tails are less correlated than medians; the exponents are estimates.
  const shared = correlation ** (level === 0.9 ? 3 : 6);
  return (2 * level * (1 - level) * (1 - shared)) / density ** 2;
}

function isRate(id: GateId): boolean {
  const isMean = id.endsWith(".typical") || id === "length" || id === "whole.per_token";
  return !isMean && levelOf(id) === undefined;
}

function shareOf(id: GateId, { streamedShare }: TrafficProfile): number {
  if (id.startsWith("whole.")) return 1 - streamedShare;
  return id.startsWith("ttft.") || id.startsWith("tpot.") ? streamedShare : 1;
}

function discordanceOf(id: GateId, { discordance, sloDiscordance }: TrafficProfile): number {
  if (id === "slo") return sloDiscordance;
  // Twice as slow, or twice as fast, at the usual spread of a ratio.
  if (id === "ttft.worse") return 0.05;
  return id === "errors" || id === "finish.length" ? discordance : discordance / 4;
}

/** Distance from equal to the margin, in the unit of the standard error. */
function roomOf(id: GateId, { gates }: EvaluationConfig, { missShare }: TrafficProfile): number {
  const { margin } = gates[id];
  if (!isRate(id)) return Math.log1p(margin);
  return id === "slo" ? Math.max(margin, missShare / 10) : margin;
}

/** One-sided error of a PASS and the degrees of freedom of its bound. */
interface PlannedTest {
  readonly alpha: number;
  readonly freedom: number;
}

/** The test that the gates use after a number of seconds. */
function testAt(seconds: number, config: EvaluationConfig): PlannedTest {
  const blockS = (config.blockLengthsMs[0] ?? 10_000) / 1_000;
  const blocks = Math.floor(judgedSeconds(seconds, config) / blockS);
  return { alpha: config.alpha, freedom: cosines(blocks) };
}

/** A gate's standard error divided by its distance to the margin. */
type ScaledGate = StandardError;

/** Probability that the upper bounds of gates that share their load are all below their margins, for equal lanes. */
function powerOf(gates: readonly ScaledGate[], { alpha, freedom }: PlannedTest): number {
  if (gates.some(({ own }) => !Number.isFinite(own))) return 0;
  const quantile = studentQuantile(1 - alpha, freedom);
  let passed = 0;
  for (const [load, ...rest] of drawn(freedom)) {
    const isPass = gates.every(({ own, lasting }, i) => {
      const mine = rest[i % rest.length] ?? load;
      const estimate = lasting * load.value + own * mine.value;
      const variance = (lasting ** 2 * load.squares + own ** 2 * mine.squares) / freedom;
      return estimate + quantile * Math.sqrt(variance) < 1;
    });
    if (isPass) passed++;
  }
  return passed / draws;
}

interface Draw {
  /** Standard normal. */
  readonly value: number;
  /** Chi-square with `freedom` degrees of freedom. */
  readonly squares: number;
}

type DrawSet = readonly [load: Draw, ...gates: Draw[]];

/** Largest number of gates of one measure. */
const gatesOfMeasure = 4;
const kept = new Map<number, readonly DrawSet[]>();

/** Returns the same pseudo-random draws each time. */
function drawn(freedom: number): readonly DrawSet[] {
  const known = kept.get(freedom);
  if (known !== undefined) return known;
  const random = createRandom(7);
  const draw = (): Draw => ({ value: normal(random), squares: chiSquare(random, freedom) });
  const made = Array.from(
    { length: draws },
    (): DrawSet => [draw(), ...Array.from({ length: gatesOfMeasure }, draw)],
  );
  kept.set(freedom, made);
  return made;
}

function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit());
}

function chiSquare(random: Random, freedom: number): number {
  let sum = 0;
  for (let i = 0; i < freedom; i += 2) sum -= 2 * Math.log(1 - random.unit());
  return sum;
}

function detectable(id: GateId, error: number, { alpha, freedom }: PlannedTest): number {
  const reach = (studentQuantile(1 - alpha, freedom) + normalQuantile(wantedPower)) * error;
  return isRate(id) ? reach : Math.exp(reach);
}

/** Shortest run with the wanted power, to within 5 %; power only grows with time. */
function shortest(power: (seconds: number) => number): number | null {
  const at = (step: number) => Math.ceil(60 * 1.05 ** step);
  let [low, high] = [0, Math.floor(Math.log(week / 60) / Math.log(1.05))];
  if (power(at(high)) < wantedPower) return null;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (power(at(middle)) >= wantedPower) high = middle;
    else low = middle + 1;
  }
  return at(low);
}

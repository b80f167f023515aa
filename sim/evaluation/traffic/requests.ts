import { quantile, sorted } from "@umbra/shadow/statistics";
import type { Draws } from "../draws.ts";
import type { Truth } from "../truth.ts";
import { arrivalsOf } from "./arrivals.ts";
import { loadAt } from "./load.ts";
import type { PerLane, Traffic } from "./traffic.ts";

/** What one lane does with each request, in ms. */
export interface LaneTimes {
  readonly ttft: Float64Array;
  readonly tpot: Float64Array;
  /** To the last token. */
  readonly e2e: Float64Array;
  readonly tokens: Float64Array;
}

/** The requests of one run, by index. */
export interface Requests {
  readonly size: number;
  /** Dispatch, in s from the start, ascending. */
  readonly atS: Float64Array;
  readonly isStream: Uint8Array;
  readonly session: Int32Array;
  readonly promptTokens: Float64Array;
  readonly primary: LaneTimes;
  readonly shadow: LaneTimes;
}

/** Median ms per token, and the spreads of its logarithm: of the request, and of a pair's ratio. */
const perToken = { medianMs: 20, logSd: 0.1, pairLogSd: 0.08 };
/** Median length of an answer, the spread of its logarithm, and of one lane around the other. */
const answer = { medianTokens: 60, logSd: 0.4, pairLogSd: 0.1 };
const prompt = { medianTokens: 150, logSd: 1.2 };
const outlierMs = 30_000;

/** Draws the requests of one run with what each lane takes for them. */
export function requestsOf(traffic: Traffic, truth: Truth, draws: Draws): Requests {
  const atS = arrivalsOf(traffic, draws);
  const size = atS.length;
  const kinds = Uint8Array.from(atS, () => kindOf(traffic, draws.unit()));
  const { count = 1, logSd = 0 } = traffic.sessions ?? {};
  const session = Int32Array.from(atS, () => Math.floor(draws.unit() * count));
  const sessionLog = Float64Array.from({ length: count }, () => logSd * draws.normal());
  const common = {
    ttftLog: Float64Array.from(atS, (_, i) => {
      const { medianMs } = traffic.prompts[kinds[i] ?? 0] ?? { medianMs: 200 };
      const ofSession = sessionLog[session[i] ?? 0] ?? 0;
      return Math.log(medianMs) + traffic.promptLogSd * draws.normal() + ofSession;
    }),
    tpotLog: atS.map(() => Math.log(perToken.medianMs) + perToken.logSd * draws.normal()),
    tokensLog: atS.map(() => Math.log(answer.medianTokens) + answer.logSd * draws.normal()),
  };
  const isStream = Uint8Array.from(atS, () => Number(draws.unit() < traffic.streamed));
  const promptTokens = atS.map(
    () => 1 + Math.round(prompt.medianTokens * Math.exp(prompt.logSd * draws.normal())),
  );
  const lane = (which: keyof PerLane) =>
    laneOf({ traffic, truth, draws, atS, kinds, isStream, ...common }, which);
  const [primary, shadow] = [lane("primary"), lane("shadow")];
  return { size, atS, isStream, session, promptTokens, primary, shadow };
}

function kindOf({ prompts }: Traffic, unit: number): number {
  let below = 0;
  for (const [index, { share }] of prompts.entries()) {
    below += share;
    if (unit < below) return index;
  }
  return prompts.length - 1;
}

interface LaneInput {
  readonly traffic: Traffic;
  readonly truth: Truth;
  readonly draws: Draws;
  readonly atS: Float64Array;
  readonly kinds: Uint8Array;
  readonly isStream: Uint8Array;
  readonly ttftLog: Float64Array;
  readonly tpotLog: Float64Array;
  readonly tokensLog: Float64Array;
}

function laneOf(input: LaneInput, which: keyof PerLane): LaneTimes {
  const { traffic, draws, atS, isStream, tokensLog } = input;
  const truth = which === "shadow" ? input.truth : {};
  const share = traffic.load?.share ?? 0;
  const load =
    traffic.load === undefined
      ? new Float64Array(atS.length)
      : loadAt(atS, traffic.load.memoryS, draws);
  // The ratio of two lanes has twice a lane's variance.
  const ofLane = (pairLogSd: number) => ({
    lasting: pairLogSd * Math.sqrt(share / 2),
    passing: pairLogSd * Math.sqrt((1 - share) / 2),
  });
  const [first, next] = [ofLane(traffic.pairLogSd), ofLane(perToken.pairLogSd)];
  const noise = traffic.noise === "pareto" ? () => draws.exponential(1) - 1 : draws.normal;
  const ttft = input.ttftLog.map((log, i) => {
    if (draws.unit() < traffic.outliers[which]) return outlierMs * (0.8 + 0.4 * draws.unit());
    const moment = { passed: (atS[i] ?? 0) / traffic.seconds, kind: input.kinds[i] ?? 0 };
    const factor = truth.ttft?.(moment, draws) ?? 1;
    return factor * Math.exp(log + first.lasting * (load[i] ?? 0) + first.passing * noise());
  });
  const tpot = input.tpotLog.map((log, i) => {
    const spread = next.lasting * (load[i] ?? 0) + next.passing * draws.normal();
    return (truth.tpot ?? 1) * Math.exp(log + spread);
  });
  if (truth.tail?.of === "ttft") stretch(ttft, truth.tail);
  if (truth.tail?.of === "tpot") stretch(tpot, truth.tail);
  const tokens = tokensLog.map((log) =>
    Math.max(2, Math.round(Math.exp(log + (answer.pairLogSd / Math.SQRT2) * draws.normal()))),
  );
  const e2e = ttft.map((first, i) => {
    const own = first + (tpot[i] ?? 0) * ((tokens[i] ?? 2) - 1);
    return isStream[i] === 1 ? own : own * (truth.whole ?? 1);
  });
  if (truth.tail?.of === "whole") stretch(e2e, truth.tail);
  return { ttft, tpot, e2e, tokens };
}

/** Multiplies what is over the quantile `from` by `factor`. */
function stretch(values: Float64Array, { from, factor }: NonNullable<Truth["tail"]>): void {
  const limit = quantile(sorted(values), from);
  values.forEach((value, i) => {
    if (value > limit) values[i] = value * factor;
  });
}

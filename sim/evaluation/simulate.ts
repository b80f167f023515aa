import { evaluationConfig } from "@umbra/shadow";
import type { Cell } from "./cell.ts";
import { createDraws, seedFrom } from "./draws.ts";
import { evaluate, type Outcome } from "./evaluate.ts";
import { methods } from "./methods/list.ts";
import { type Decision, seriesOf } from "./methods/method.ts";
import { requestsOf } from "./traffic/requests.ts";
import { samplesOf } from "./traffic/samples.ts";
import { independent } from "./traffic/traffic.ts";

/** One simulated evaluation, as Umbra and as the other methods judge it. */
export interface Run {
  readonly outcome: Outcome;
  readonly decisions: Readonly<Record<string, Decision>>;
}

/** A sidecar analyses so often while nothing else is set (`evaluateEveryMs`). */
const everyS = 5;
/** Analyses of a live cell after its planned end, if pairs are missing then: one a minute, for half of its length. */
const [behindEveryS, behindShare] = [60, 0.5];
/** Stages of a run that continues: each ends at twice the time of the one before. */
const stages = [1, 2, 4];
/** How many gates share the error of a FAIL, for the methods that judge one. */
const gates = 10;

/** Simulates run number `index` of a cell. The same seed gives the same run, whatever else is simulated. */
export function simulate(cell: Cell, index: number, seed: number): Run {
  const traffic = { ...independent, ...cell.traffic };
  const draws = createDraws(seedFrom(seed, cell.name, index));
  const samples = samplesOf(requestsOf(traffic, cell.truth, draws), traffic, draws);
  const config = evaluationConfig({ seed: seedFrom(seed, index), ...cell.settings });
  const horizonS = config.horizonMs / 1_000;
  const outcome = evaluate(samples, config, {
    atS: analysesOf(cell, horizonS),
    goesOn: cell.looks === "stages",
    // Of a shadow at a gate's margin, only the PASS of that gate is asked about.
    ...(cell.claim.kind === "margin" ? { onlyGate: cell.claim.gate } : {}),
    ...(traffic.sessions === undefined
      ? {}
      : { sampling: { percent: 100 * traffic.sessions.mirrored, by: "session" } }),
  });
  if (cell.isCompared !== true) return { outcome, decisions: {} };
  const series = seriesOf(samples, { fromS: config.warmupMs / 1_000, toS: horizonS });
  const limits = {
    margin: Math.log(1 + config.gates["ttft.typical"].margin),
    passAlpha: config.alpha,
    failAlpha: config.alpha / gates,
  };
  const decisions = Object.entries(methods).map(([name, judge]) => [name, judge(series, limits)]);
  return { outcome, decisions: Object.fromEntries(decisions) as Run["decisions"] };
}

function analysesOf({ looks }: Cell, horizonS: number): readonly number[] {
  switch (looks) {
    case "end":
      return [horizonS];
    case "stages":
      return stages.map((factor) => factor * horizonS);
    case "live":
      return [
        ...multiples(everyS, 0, lastInterim * horizonS),
        horizonS,
        ...multiples(behindEveryS, horizonS, (1 + behindShare) * horizonS),
      ];
  }
}

/**
 * Interim analyses end a little before the planned end. From there on a sidecar waits for answers in flight, and the
 * simulation continues when they have arrived.
 */
const lastInterim = 0.985;

/** Multiples of `step` over `above`, up to `to`. */
function multiples(step: number, above: number, to: number): readonly number[] {
  const first = Math.floor(above / step) + 1;
  const last = Math.floor(to / step);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => (first + i) * step);
}

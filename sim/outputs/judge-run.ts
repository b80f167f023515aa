import { judgeOutputs, type OutputPair, requiredOutputGates } from "@umbra/shadow/internal";
import type { Random } from "@umbra/shadow/statistics";
import { drawPairs } from "./draw-pairs.ts";
import { judgeModelRun } from "./judge-model.ts";
import type { Scenario, Unit } from "./scenarios.ts";

const pairsOfRun = 2_000;
/** Pairs between two analyses. */
const analysisEvery = 200;
/** Required gates about latency and errors of a usual evaluation, which share the error of a wrong FAIL with those here. */
const otherGates = 9;
const alpha = 0.05;
const terms = { isSameModel: true, hasFloor: true };

export type Outcome = "PASS" | "FAIL" | "open";

/** Draws an evaluation and judges it as a sidecar does: repeatedly, and finally at its planned end. */
export function judgeRun(random: Random, scenario: Scenario, unit: Unit): Outcome {
  if (scenario.judged !== undefined)
    return judgeModelRun(random, scenario.gate, { unit, truth: scenario.judged });
  const pairs = drawPairs(random, scenario, { ...unit, count: pairsOfRun });
  for (let count = analysisEvery; count <= pairsOfRun; count += analysisEvery) {
    const outcome = outcomeOf(scenario, pairs.slice(0, count));
    if (outcome !== "open") return outcome;
  }
  return "open";
}

function outcomeOf({ gate: id }: Scenario, pairs: readonly OutputPair[]): Outcome {
  const failAlpha = alpha / (otherGates + requiredOutputGates(terms));
  const isFinal = pairs.length === pairsOfRun;
  const gates = judgeOutputs(
    { pairs, ok: pairs.length, skipped: {} },
    { ...terms, alpha, failAlpha, isFinal },
  );
  const asked = gates.filter(({ gate }) => id === "any gate" || gate.id === id);
  const statuses = asked.map(({ gate: { status } }) => status);
  if (statuses.includes("FAIL")) return "FAIL";
  return statuses.length > 0 && statuses.every((status) => status === "PASS") ? "PASS" : "open";
}

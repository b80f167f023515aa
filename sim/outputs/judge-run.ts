import { judgeOutputs, type OutputPair } from "@umbra/shadow/internal";
import type { Random } from "@umbra/shadow/statistics";
import { habit, type Scenario, type Unit } from "./scenarios.ts";

const pairsOfRun = 2_000;
/** Pairs between two analyses. */
const analysisEvery = 200;
/** Required gates of a usual evaluation, which share the error of a wrong FAIL. */
const requiredGates = 14;
const alpha = 0.05;

/** Draws an evaluation and judges it as a sidecar does: repeatedly, and finally at its planned end. */
export function judgeRun(random: Random, scenario: Scenario, unit: Unit): "PASS" | "FAIL" | "open" {
  const pairs = pairsOf(random, scenario, unit);
  for (let count = analysisEvery; count <= pairsOfRun; count += analysisEvery) {
    const seen = pairs.slice(0, count);
    const gates = judgeOutputs(
      { pairs: seen, ok: count, skipped: {} },
      {
        ...{ isSameModel: false, alpha, failAlpha: alpha / requiredGates },
        isFinal: count === pairsOfRun,
      },
    );
    const status = gates.find(({ gate: { id } }) => id === scenario.gate)?.gate.status;
    if (status === "FAIL" || status === "PASS") return status;
  }
  return "open";
}

function pairsOf(random: Random, { gate, primary, shadow }: Scenario, { turns }: Unit) {
  const pairs: OutputPair[] = [];
  let [first, second]: (0 | 1)[] = [0, 0];
  for (let i = 0; i < pairsOfRun; i++) {
    if (i % turns === 0 || random.unit() >= habit) {
      [first, second] = [primary, shadow].map((rate) => (random.unit() < rate ? 1 : 0));
    }
    const session = turns === 1 ? null : `s${Math.floor(i / turns)}`;
    pairs.push(pairOf(gate, { i, session, first: first ?? 0, second: second ?? 0 }));
  }
  return pairs;
}

interface Drawn {
  readonly i: number;
  readonly session: string | null;
  /** Whether each lane is bad. */
  readonly first: 0 | 1;
  readonly second: 0 | 1;
}

function pairOf(gate: Scenario["gate"], { i, session, first, second }: Drawn): OutputPair {
  const isAgreement = gate === "out.exact";
  return {
    ...{ atMs: i * 500, session, chars: [null, null] },
    request: { decode: "greedy", shape: "text", model: null, tools: null, script: null },
    primary: outputOf(gate, first),
    shadow: outputOf(gate, second),
    agreement: agreementOf(isAgreement ? second : 0),
    floor: isAgreement ? agreementOf(first) : undefined,
  };
}

function outputOf(gate: Scenario["gate"], bad: 0 | 1): OutputPair["primary"] {
  return {
    ...{
      cut: false,
      loop: 0,
      rep4: 0,
      json: null,
      schema: null,
      calls: 1,
      script: null,
      ppl: null,
    },
    ...{ refusal: gate === "out.refusal" ? bad : 0, toolBad: gate === "out.toolBad" ? bad : null },
  };
}

function agreementOf(differs: 0 | 1): OutputPair["agreement"] {
  return {
    ...{ exact: differs === 1 ? 0 : 1, lcp: null, lcpShare: null, sim: null, jsonEqual: null },
    ...{ jsonKeys: null, tool: null, toolF1: null, lpTokens: null, lpAbs: null, lpDiff: null },
    ...{ nearTie: null, why: null },
  };
}

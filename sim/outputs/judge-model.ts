import {
  type JudgedPair,
  judgeModelGate,
  requiredOutputGates,
  winRate,
} from "@umbra/shadow/internal";
import type { Random } from "@umbra/shadow/statistics";
import { habit, type JudgeTruth, type Scenario, type Unit } from "./scenarios.ts";

const alpha = 0.05;
/** Required gates about latency and errors of a usual evaluation, which share the error of a wrong FAIL. */
const otherGates = 9;
const margin = 0.05;
/** As in evaluations with a floor, of the same model. */
const outputTerms = { isSameModel: true, hasFloor: true, judge: {} };
const pairsOfRun = 20_000;
const analysisEvery = 2_000;
/** Error of the shown interval, on both sides. */
const intervalAlpha = 0.1;

/** Shares of the strata, and of their pairs of which the judge prefers one answer. */
const strata = [
  { stratum: "equal", share: 0.4, decided: 0 },
  { stratum: "near", share: 0.3, decided: 0.2 },
  { stratum: "far", share: 0.3, decided: 0.6 },
] as const;
const decidedOfAll = strata.reduce((sum, { share, decided }) => sum + share * decided, 0);

/** Draws an evaluation and judges it. FAIL of the interval: it misses the truth at one of the analyses. */
export function judgeModelRun(
  random: Random,
  gate: Scenario["gate"],
  { unit, truth }: { readonly unit: Unit; readonly truth: JudgeTruth },
): "PASS" | "FAIL" | "open" {
  const pairs = drawJudged(random, truth, unit);
  if (gate === "win rate") return holdsAlways(pairs, truth.winRate) ? "PASS" : "FAIL";
  const failAlpha = alpha / (otherGates + requiredOutputGates(outputTerms));
  const terms = { margin, sample: truth.sample };
  // The evidence is the largest so far, so the last analysis fails wherever an earlier one did.
  const { status } = judgeModelGate(pairs, { terms, alpha, failAlpha, isFinal: true });
  return status === "PASS" || status === "FAIL" ? status : "open";
}

function holdsAlways(pairs: readonly JudgedPair[], truth: number): boolean {
  for (let count = analysisEvery; count <= pairs.length; count += analysisEvery) {
    const rate = winRate(pairs.slice(0, count), intervalAlpha);
    if (rate !== undefined && (rate.lower > truth || rate.upper < truth)) return false;
  }
  return true;
}

interface Kind {
  readonly stratum: JudgedPair["stratum"];
  readonly w: 0 | 0.5 | 1;
}

function drawJudged(random: Random, truth: JudgeTruth, { turns }: Unit): JudgedPair[] {
  let kind: Kind = { stratum: "equal", w: 0.5 };
  return Array.from({ length: pairsOfRun }, (_, i) => {
    if (i % turns === 0 || random.unit() >= habit) kind = drawKind(random, truth);
    const session = turns === 1 ? null : `s${Math.floor(i / turns)}`;
    return { session, ...drawVerdict(random, kind, truth), isSameLength: true };
  });
}

function drawKind(random: Random, truth: JudgeTruth): Kind {
  let left = random.unit();
  const found = strata.find(({ share }) => {
    left -= share;
    return left < 0;
  });
  const { stratum, decided } = found ?? strata[2];
  if (random.unit() >= decided) return { stratum, w: 0.5 };
  const losses = 0.5 + (0.5 - truth.winRate) / decidedOfAll;
  return { stratum, w: random.unit() < losses ? 0 : 1 };
}

function drawVerdict(
  random: Random,
  { stratum, w }: Kind,
  { optOut, sample }: JudgeTruth,
): Pick<JudgedPair, "stratum" | "judged"> {
  const pi = stratum === "equal" ? 0 : sample[stratum];
  if (random.unit() >= pi) return { stratum, judged: undefined };
  const nothing = { pi, promptTokens: null, completionTokens: null };
  if (random.unit() < optOut) {
    return { stratum, judged: { ...nothing, w: null, ab: null, ba: null, why: "opted_out" } };
  }
  const [ab, ba] =
    w === 0.5 ? (["tie", "tie"] as const) : w === 1 ? (["B", "A"] as const) : (["A", "B"] as const);
  return { stratum, judged: { ...nothing, w, ab, ba, why: null } };
}

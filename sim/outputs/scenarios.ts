/** Traffic: turns of a session, of which each repeats the one before it with the probability `habit`. */
export interface Unit {
  readonly name: string;
  readonly turns: number;
}

export const habit = 0.5;

export const units: readonly Unit[] = [
  { name: "single requests", turns: 1 },
  { name: "sessions of 4", turns: 4 },
  { name: "sessions of 10", turns: 10 },
];

/** A truth, and what a gate may make of it. */
export interface Scenario {
  readonly name: string;
  readonly gate:
    | "out.toolBad"
    | "out.refusal"
    | "out.loop"
    | "out.prompt"
    | "out.exact"
    | "out.sim"
    | "out.judge"
    | "win rate"
    | "any gate";
  /**
   * Rates of bad answers on each lane; for agreement, of answers that are not the primary's; for `out.sim`, mean
   * distances from the primary's. With `isFlips`, how often a token differs from the primary's.
   */
  readonly primary: number;
  readonly shadow: number;
  readonly isFlips?: boolean;
  /** Similarity is estimated from 64 hashes of each answer, as in `mode: sketch`. */
  readonly isSketched?: boolean;
  /** Share of the requests that the control also gets; all when absent. */
  readonly floorShare?: number;
  /** Of a model as judge, whose rows have no rates of bad answers. */
  readonly judged?: JudgeTruth;
  readonly bars: readonly Bar[];
}

/** What a judge model finds. */
export interface JudgeTruth {
  /** Win rate of the shadow over all compared pairs; 0.5 for equal lanes. */
  readonly winRate: number;
  /** Share of the drawn pairs whose clients opt out. */
  readonly optOut: number;
  /** Shares of the pairs that are drawn: of similar answers, and of the others. */
  readonly sample: { readonly near: number; readonly far: number };
}

/** At most this share passes or fails; or at least this share is found. */
export interface Bar {
  readonly of: "false PASS" | "false FAIL" | "found";
  readonly share: number;
}

/** A shadow at the margin may be called neither better nor worse than it. */
const atMargin: readonly Bar[] = [
  { of: "false PASS", share: 0.06 },
  { of: "false FAIL", share: 0.06 },
];
const equal: readonly Bar[] = [{ of: "false FAIL", share: 0.05 }];
const found: readonly Bar[] = [{ of: "found", share: 0.8 }];
const margin = "at the margin";
const none = { primary: 0, shadow: 0 };
const usual = { optOut: 0, sample: { near: 0.02, far: 0.2 } };
const lossAtMargin = 0.45;

export const scenarios: readonly Scenario[] = [
  { gate: "out.toolBad", name: margin, primary: 0.02, shadow: 0.03, bars: atMargin },
  { gate: "out.toolBad", name: `${margin}, from none`, primary: 0, shadow: 0.01, bars: atMargin },
  { gate: "out.loop", name: margin, primary: 0.001, shadow: 0.006, bars: atMargin },
  { gate: "out.exact", name: margin, primary: 0.3, shadow: 0.33, bars: atMargin },
  {
    ...{ gate: "out.exact", name: `${margin}, floor of 10 %`, primary: 0.3, shadow: 0.33 },
    ...{ floorShare: 0.1, bars: atMargin },
  },
  { gate: "out.sim", name: margin, primary: 0.3, shadow: 0.32, bars: atMargin },
  {
    ...{ gate: "out.sim", name: `${margin}, sketches`, primary: 0.3, shadow: 0.32 },
    ...{ isSketched: true, bars: atMargin },
  },
  {
    ...{ gate: "out.sim", name: `${margin}, sketches, floor of 10 %`, primary: 0.3, shadow: 0.32 },
    ...{ isSketched: true, floorShare: 0.1, bars: atMargin },
  },
  {
    ...{ gate: "out.sim", name: "equal lanes, sketches", primary: 0.3, shadow: 0.3 },
    ...{ isSketched: true, bars: equal },
  },
  { gate: "any gate", name: "equal lanes", primary: 0.02, shadow: 0.02, bars: equal },
  {
    ...{ gate: "any gate", name: "equal lanes, floor of 10 %", primary: 0.3, shadow: 0.3 },
    ...{ floorShare: 0.1, bars: equal },
  },
  { gate: "out.toolBad", name: "equal lanes", primary: 0.02, shadow: 0.02, bars: equal },
  { gate: "out.exact", name: "equal lanes", primary: 0.3, shadow: 0.3, bars: equal },
  { gate: "out.prompt", name: "broken chat template", primary: 0, shadow: 0.97, bars: found },
  { gate: "out.prompt", name: "context cut in 5 %", primary: 0, shadow: 0.05, bars: found },
  {
    ...{ gate: "out.exact", name: "quantised, floor of 10 %", primary: 0.001, shadow: 0.01 },
    ...{ isFlips: true, floorShare: 0.1, bars: found },
  },
  {
    ...{ gate: "out.sim", name: "quantised, floor of 10 %", primary: 0.001, shadow: 0.01 },
    ...{ isFlips: true, floorShare: 0.1, bars: found },
  },
  {
    ...{ gate: "out.sim", name: "quantised, sketches, floor of 10 %" },
    ...{ primary: 0.001, shadow: 0.01, isFlips: true, isSketched: true, floorShare: 0.1 },
    bars: found,
  },
  { gate: "out.toolBad", name: "broken in 3 %", primary: 0, shadow: 0.03, bars: found },
  { gate: "out.toolBad", name: "broken in 3 % more", primary: 0.004, shadow: 0.034, bars: found },
  { gate: "out.refusal", name: "refuses 6 % more", primary: 0.02, shadow: 0.08, bars: found },
  { gate: "out.exact", name: "agrees 15 pp less", primary: 0.3, shadow: 0.45, bars: found },
  {
    ...{ gate: "out.judge", name: "equal lanes", ...none },
    ...{ judged: { ...usual, winRate: 0.5 }, bars: equal },
  },
  {
    ...{ gate: "out.judge", name: margin, ...none },
    ...{ judged: { ...usual, winRate: lossAtMargin }, bars: atMargin },
  },
  {
    ...{ gate: "out.judge", name: `${margin}, half opts out`, ...none },
    ...{ judged: { ...usual, winRate: lossAtMargin, optOut: 0.5 }, bars: atMargin },
  },
  {
    ...{ gate: "out.judge", name: "wins 40 %, a fifth is judged", ...none },
    ...{ judged: { winRate: 0.4, optOut: 0, sample: { near: 0.2, far: 0.2 } }, bars: found },
  },
  {
    ...{ gate: "win rate", name: "its interval misses 45 % at some analysis", ...none },
    judged: { ...usual, winRate: lossAtMargin },
    bars: [{ of: "false FAIL", share: 0.1 }],
  },
];

interface Counts {
  readonly PASS: number;
  readonly FAIL: number;
  readonly runs: number;
}

/** Whether all bars of a scenario are met within their Monte Carlo error. */
export function isKept({ bars }: Scenario, { PASS, FAIL, runs }: Counts): boolean {
  return bars.every(({ of, share }) => {
    const error = 2 * Math.sqrt((share * (1 - share)) / runs);
    if (of === "found") return FAIL / runs >= share - error;
    return (of === "false PASS" ? PASS : FAIL) / runs <= share + error;
  });
}

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
  readonly gate: "out.toolBad" | "out.refusal" | "out.exact";
  /** Rates of bad answers on each lane; for agreement, of answers that are not the primary's. */
  readonly primary: number;
  readonly shadow: number;
  readonly bar: Bar;
}

/** At most this share passes or fails; or at least this share of single requests is found. */
export interface Bar {
  readonly of: "false PASS" | "false FAIL" | "found";
  readonly share: number;
}

const falsePass: Bar = { of: "false PASS", share: 0.06 };
const falseFail: Bar = { of: "false FAIL", share: 0.05 };
const found: Bar = { of: "found", share: 0.8 };

export const scenarios: readonly Scenario[] = [
  { gate: "out.toolBad", name: "at the margin", primary: 0.02, shadow: 0.03, bar: falsePass },
  { gate: "out.exact", name: "at the margin", primary: 0.3, shadow: 0.33, bar: falsePass },
  { gate: "out.toolBad", name: "equal lanes", primary: 0.02, shadow: 0.02, bar: falseFail },
  { gate: "out.exact", name: "equal lanes", primary: 0.3, shadow: 0.3, bar: falseFail },
  { gate: "out.toolBad", name: "broken in 3 % more", primary: 0.004, shadow: 0.034, bar: found },
  { gate: "out.refusal", name: "refuses 6 % more", primary: 0.02, shadow: 0.08, bar: found },
  { gate: "out.exact", name: "agrees 15 pp less", primary: 0.3, shadow: 0.45, bar: found },
];

interface Counts {
  readonly PASS: number;
  readonly FAIL: number;
  readonly runs: number;
}

/** Whether a bar is met within its Monte Carlo error; undefined if there is none for this traffic. */
export function isKept(
  { bar }: Scenario,
  unit: Unit,
  { PASS, FAIL, runs }: Counts,
): boolean | undefined {
  const error = 2 * Math.sqrt((bar.share * (1 - bar.share)) / runs);
  switch (bar.of) {
    case "false PASS":
      return PASS / runs <= bar.share + error;
    case "false FAIL":
      return FAIL / runs <= bar.share + error;
    case "found":
      // Turns that repeat each other tell less: how much less is shown.
      return unit.turns === 1 ? FAIL / runs >= bar.share - error : undefined;
  }
}

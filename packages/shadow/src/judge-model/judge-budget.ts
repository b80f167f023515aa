/** Limits on what a judge may cost. */
export interface JudgeLimits {
  readonly maxCalls: number;
  /** Tokens of prompts and answers together; no limit when absent. */
  readonly maxTokens?: number;
  /** Needs prices; no limit when absent. */
  readonly maxCostUsd?: number;
  readonly pricePerMTokens?: { readonly prompt: number; readonly completion: number };
  /** Calls a minute; no limit when absent. */
  readonly perMinute?: number;
}

/** Share of all calls that compare the primary with the control, to see whether the judge prefers copies. */
const controlShare = 0.1;
const minuteMs = 60_000;

export interface JudgeBudget {
  /** Sets other limits. What is spent stays spent. */
  limit(limits: JudgeLimits): void;
  /** Tells whether calls could be taken. `budget` lasts, `rate` is over with this minute. */
  check(calls: number, lane: "candidate" | "control"): "ok" | "budget" | "rate";
  /** Takes calls out of the budget, all or none. */
  take(calls: number, lane: "candidate" | "control"): "ok" | "budget" | "rate";
  /** Returns calls that were taken and not made. They still count for their minute. */
  giveBack(calls: number, lane: "candidate" | "control"): void;
  /** Notes the tokens of a call, at the prices of this moment. */
  spend(tokens: { readonly prompt: number; readonly completion: number }): void;
  readonly calls: number;
  /** True if the tokens or the money are used up. The caller should then also drop calls that it has taken and not made yet. */
  readonly isSpent: boolean;
  /** Null without prices. */
  readonly costUsd: number | null;
}

/**
 * Several processes with the same limits share them, each an equal part.
 *
 * @param now monotonic, in ms
 * @param processes number of these processes at this moment
 */
export function createJudgeBudget(
  first: JudgeLimits,
  now: () => number,
  processes: () => number = () => 1,
): JudgeBudget {
  let limits = first;
  const ofLane = { candidate: 0, control: 0 };
  let [tokens, costUsd] = [0, 0];
  let [minute, callsOfMinute] = [0, 0];
  const isSpent = () => {
    const { maxTokens, maxCostUsd } = limits;
    const isOver = (used: number, most: number | undefined) =>
      most !== undefined && used >= most / processes();
    return isOver(tokens, maxTokens) || isOver(costUsd, maxCostUsd);
  };
  const check: JudgeBudget["check"] = (calls, lane) => {
    const { maxCalls, perMinute } = limits;
    const limit = Math.floor((maxCalls * (lane === "control" ? controlShare : 1)) / processes());
    const taken = lane === "control" ? ofLane.control : ofLane.candidate + ofLane.control;
    if (taken + calls > limit || isSpent()) return "budget";
    const current = Math.floor(now() / minuteMs);
    if (current !== minute) [minute, callsOfMinute] = [current, 0];
    if (perMinute !== undefined && callsOfMinute + calls > perMinute / processes()) return "rate";
    return "ok";
  };
  return {
    limit(next) {
      limits = next;
    },
    check,
    take(calls, lane) {
      const state = check(calls, lane);
      if (state !== "ok") return state;
      callsOfMinute += calls;
      ofLane[lane] += calls;
      return state;
    },
    giveBack(calls, lane) {
      ofLane[lane] -= calls;
    },
    spend({ prompt, completion }) {
      tokens += prompt + completion;
      const { pricePerMTokens: price } = limits;
      if (price === undefined) return;
      costUsd += (prompt * price.prompt + completion * price.completion) / 1e6;
    },
    get calls() {
      return ofLane.candidate + ofLane.control;
    },
    get isSpent() {
      return isSpent();
    },
    get costUsd() {
      return limits.pricePerMTokens === undefined ? null : costUsd;
    },
  };
}

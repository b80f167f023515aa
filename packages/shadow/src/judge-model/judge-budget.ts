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
  /** Takes calls out of the budget, all or none. `budget` lasts, `rate` is over with this minute. */
  take(calls: number, lane: "candidate" | "control"): "ok" | "budget" | "rate";
  /** Notes the tokens of a call. */
  spend(tokens: { readonly prompt: number; readonly completion: number }): void;
  readonly calls: number;
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
  limits: JudgeLimits,
  now: () => number,
  processes: () => number = () => 1,
): JudgeBudget {
  const { maxCalls, maxTokens = Number.POSITIVE_INFINITY, maxCostUsd, perMinute } = limits;
  const ofLane = { candidate: 0, control: 0 };
  const tokens = { prompt: 0, completion: 0 };
  let [minute, callsOfMinute] = [0, 0];
  const costUsd = () => {
    const { pricePerMTokens: price } = limits;
    if (price === undefined) return null;
    return (tokens.prompt * price.prompt + tokens.completion * price.completion) / 1e6;
  };
  const isSpent = () =>
    tokens.prompt + tokens.completion >= maxTokens / processes() ||
    (maxCostUsd !== undefined && (costUsd() ?? 0) >= maxCostUsd / processes());
  return {
    take(calls, lane) {
      const limit = Math.floor((maxCalls * (lane === "control" ? controlShare : 1)) / processes());
      const taken = lane === "control" ? ofLane.control : ofLane.candidate + ofLane.control;
      if (taken + calls > limit || isSpent()) return "budget";
      const current = Math.floor(now() / minuteMs);
      if (current !== minute) [minute, callsOfMinute] = [current, 0];
      if (perMinute !== undefined && callsOfMinute + calls > perMinute / processes()) return "rate";
      callsOfMinute += calls;
      ofLane[lane] += calls;
      return "ok";
    },
    spend({ prompt, completion }) {
      tokens.prompt += prompt;
      tokens.completion += completion;
    },
    get calls() {
      return ofLane.candidate + ofLane.control;
    },
    get costUsd() {
      return costUsd();
    },
  };
}

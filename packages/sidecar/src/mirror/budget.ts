import type { MirrorBudget } from "@umbra/envoy-config";
import type { DropReason } from "@umbra/shadow";

/** The remaining budget of a mirror. */
export interface Budget {
  /** Takes one request from the budget, or returns the exhausted limit. There is no queue. */
  take(bodyBytes: number): DropReason | undefined;
  /** A taken request ended. `tokens` counts its prompt and answer. */
  giveBack(): void;
  spend(tokens: number): void;
  /** Replaces the limits. What is used stays used. */
  setLimits(limits: BudgetLimits | undefined): void;
  /** Starts the limits that end an evaluation again: requests, tokens and time. */
  restart(): void;
  readonly inFlight: number;
  /** Used share of the limits that end an evaluation, 0 to 1. */
  readonly used: Readonly<Record<"requests" | "tokens" | "duration", number>>;
  /** True if requests, tokens or time are used up: nothing more will be mirrored. */
  readonly isSpent: boolean;
}

/** An absent value means no limit. */
export type BudgetLimits = { readonly [K in keyof MirrorBudget]?: MirrorBudget[K] | undefined };

/** Creates a budget. `now` is monotonic, in ms. The time starts with the first request. */
export function createBudget(given: BudgetLimits | undefined, now: () => number): Budget {
  let limits = given ?? {};
  let [inFlight, requests, tokens] = [0, 0, 0];
  let startedAt: number | undefined;
  let [level, filledAt] = [depthOf(limits), now()];

  function used() {
    const share = (value: number, limit: number | undefined) =>
      limit === undefined ? 0 : Math.min(1, value / limit);
    return {
      requests: share(requests, limits.maxRequests),
      tokens: share(tokens, limits.maxTokens),
      duration: startedAt === undefined ? 0 : share(now() - startedAt, limits.maxDurationMs),
    };
  }

  function isOverRate(): boolean {
    const { maxRequestsPerSecond: rate } = limits;
    if (rate === undefined) return false;
    const nowMs = now();
    level = Math.min(depthOf(limits), level + ((nowMs - filledAt) / 1_000) * rate);
    filledAt = nowMs;
    return level < 1;
  }

  return {
    take(bodyBytes) {
      startedAt ??= now();
      const { maxBodyBytes = Number.POSITIVE_INFINITY, maxInFlight = Number.POSITIVE_INFINITY } =
        limits;
      const share = used();
      if (share.duration >= 1) return "duration";
      if (share.requests >= 1) return "requests";
      if (share.tokens >= 1) return "tokens";
      if (bodyBytes > maxBodyBytes) return "size";
      if (inFlight >= maxInFlight) return "concurrency";
      if (isOverRate()) return "rate";
      level--;
      inFlight++;
      requests++;
      return undefined;
    },
    giveBack() {
      inFlight = Math.max(0, inFlight - 1);
    },
    spend(count) {
      tokens += count;
    },
    setLimits(next = {}) {
      // A rate that comes begins with a full burst, as at the start.
      if (limits.maxRequestsPerSecond === undefined) [level, filledAt] = [depthOf(next), now()];
      limits = next;
    },
    restart() {
      [requests, tokens] = [0, 0];
      startedAt = undefined;
    },
    get inFlight() {
      return inFlight;
    },
    get used() {
      return used();
    },
    get isSpent() {
      return Object.values(used()).some((share) => share >= 1);
    },
  };
}

/** Allows a burst of one second's requests, and at least one request. */
function depthOf({ maxRequestsPerSecond = 0 }: BudgetLimits): number {
  return Math.max(1, maxRequestsPerSecond);
}

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

const noLimit = Number.POSITIVE_INFINITY;

/** Creates a budget. `now` is monotonic, in ms. The time starts with the first request. */
export function createBudget(given: BudgetLimits | undefined, now: () => number): Budget {
  let limits = given ?? {};
  let [inFlight, requests, tokens] = [0, 0, 0];
  let startedAt: number | undefined;
  const rate = createRate(limits.maxRequestsPerSecond, now);

  function used() {
    const elapsedMs = startedAt === undefined ? 0 : now() - startedAt;
    return {
      requests: shareOf(requests, limits.maxRequests),
      tokens: shareOf(tokens, limits.maxTokens),
      duration: shareOf(elapsedMs, limits.maxDurationMs),
    };
  }

  return {
    take(bodyBytes) {
      startedAt ??= now();
      const { maxBodyBytes = noLimit, maxInFlight = noLimit } = limits;
      const share = used();
      if (share.duration >= 1) return "duration";
      if (share.requests >= 1) return "requests";
      if (share.tokens >= 1) return "tokens";
      if (bodyBytes > maxBodyBytes) return "size";
      if (inFlight >= maxInFlight) return "concurrency";
      if (!rate.take()) return "rate";
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
      rate.change(next.maxRequestsPerSecond);
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

/** Limits requests per second, if there is a limit. Allows a burst of one second's requests, and at least one request. */
function createRate(perSecond: number | undefined, now: () => number) {
  const depthOf = (rate: number) => Math.max(1, rate);
  let rate = perSecond;
  let [level, filledAt] = [depthOf(rate ?? 0), now()];
  return {
    take(): boolean {
      if (rate === undefined) return true;
      const nowMs = now();
      level = Math.min(depthOf(rate), level + ((nowMs - filledAt) / 1_000) * rate);
      filledAt = nowMs;
      if (level < 1) return false;
      level--;
      return true;
    },
    change(next: number | undefined): void {
      // A new limit begins with a full burst, as at the start.
      if (rate === undefined) [level, filledAt] = [depthOf(next ?? 0), now()];
      rate = next;
    },
  };
}

/** 0 without a limit. */
function shareOf(value: number, limit: number | undefined): number {
  return limit === undefined || value === 0 ? 0 : Math.min(1, value / limit);
}

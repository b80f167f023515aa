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
  /** Sets which part of all limits but time is this process's. */
  setShare(share: BudgetShare): void;
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

/** A process's part of a budget: `of` processes share it, and this one is number `at` of them, from 0 on. */
export interface BudgetShare {
  readonly of: number;
  readonly at: number;
}

/** The parts of all processes together are the limit, which need not be divisible. */
function partOf(limit: number | undefined, { of, at }: BudgetShare): number | undefined {
  if (limit === undefined) return undefined;
  return Math.floor(limit / of) + (at < limit % of ? 1 : 0);
}

const noLimit = Number.POSITIVE_INFINITY;

/** Creates a budget. `now` is monotonic, in ms. The time starts with the first request. */
export function createBudget(given: BudgetLimits | undefined, now: () => number): Budget {
  let limits = given ?? {};
  let [inFlight, requests, tokens] = [0, 0, 0];
  let startedAt: number | undefined;
  let share: BudgetShare = { of: 1, at: 0 };
  const rate = createRate(limits.maxRequestsPerSecond, now);

  function used() {
    const elapsedMs = startedAt === undefined ? 0 : now() - startedAt;
    return {
      requests: shareOf(requests, partOf(limits.maxRequests, share)),
      tokens: shareOf(tokens, partOf(limits.maxTokens, share)),
      duration: shareOf(elapsedMs, limits.maxDurationMs),
    };
  }

  return {
    take(bodyBytes) {
      startedAt ??= now();
      const { maxBodyBytes = noLimit } = limits;
      const maxInFlight = partOf(limits.maxInFlight, share) ?? noLimit;
      const spent = used();
      if (spent.duration >= 1) return "duration";
      if (spent.requests >= 1) return "requests";
      if (spent.tokens >= 1) return "tokens";
      if (bodyBytes > maxBodyBytes) return "size";
      if (inFlight >= maxInFlight) return "concurrency";
      if (!rate.take(share.of)) return "rate";
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
    setShare(next) {
      share = next;
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
      return Object.values(used()).some((each) => each >= 1);
    },
  };
}

/** Limits requests per second, if there is a limit. Allows a burst of one second's requests, and at least one request. */
function createRate(perSecond: number | undefined, now: () => number) {
  const depthOf = (rate: number) => Math.max(1, rate);
  let rate = perSecond;
  let [level, filledAt] = [depthOf(rate ?? 0), now()];
  return {
    /** `of`: how many processes share the rate. */
    take(of: number): boolean {
      if (rate === undefined) return true;
      const nowMs = now();
      const own = rate / of;
      level = Math.min(depthOf(own), level + ((nowMs - filledAt) / 1_000) * own);
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

/** 0 without a limit, 1 without a part of it. */
function shareOf(value: number, limit: number | undefined): number {
  if (limit === 0) return 1;
  return limit === undefined || value === 0 ? 0 : Math.min(1, value / limit);
}

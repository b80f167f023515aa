import type { JudgePolicy, MirrorPolicy } from "@umbra/envoy-config";
import { createJudgeBudget, type JudgeBudget } from "@umbra/shadow/judge-model";

/** What judges of one policy may still cost. */
export interface BudgetOfPolicy {
  readonly budget: JudgeBudget;
  /** True after it was reported that its judge is not asked. */
  isRefused: boolean;
  /** True if its judge was one of the lanes when it was last looked at. */
  servesLane: boolean;
}

/** A policy, and how long its mirroring lasts. */
export type BudgetedPolicy = Pick<MirrorPolicy, "name" | "budget">;

/** Budgets of judge models, one for each policy: money belongs to the policy, whatever it compares. */
export interface PolicyBudgets {
  /** The budget of a policy, with the limits of its judge. Undefined if there are too many. */
  of(policy: BudgetedPolicy, judge: JudgePolicy): BudgetOfPolicy | undefined;
  /** The budget of a policy; undefined before the first pair. */
  known(policy: string): BudgetOfPolicy | undefined;
  /** An evaluation of the policy begins: it gets a new budget if the window of the old one is over. */
  restart(policy: BudgetedPolicy): void;
  /** Names the policies that there are. The budgets of all other policies are removed when their windows are over. */
  keepFor(policies: ReadonlySet<string>): void;
  readonly size: number;
}

/** Most policies whose budgets are remembered. */
const maxPolicies = 1_024;

interface Entry extends BudgetOfPolicy {
  readonly sinceMs: number;
  /** A budget holds for `budget.maxDuration` of its policy, from the first pair on. */
  windowMs: number;
}

export interface PolicyBudgetsOptions {
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** Number of processes that share each budget. */
  readonly processes: () => number;
}

export function createPolicyBudgets({ now, processes }: PolicyBudgetsOptions): PolicyBudgets {
  const entries = new Map<string, Entry>();
  let current: ReadonlySet<string> = new Set();
  const isOver = ({ sinceMs, windowMs }: Entry) => now() - sinceMs >= windowMs;

  function forgetOld(): void {
    for (const [name, entry] of entries) {
      if (!current.has(name) && isOver(entry)) entries.delete(name);
    }
  }

  return {
    of({ name, budget: { maxDurationMs } }, judge) {
      const known = entries.get(name);
      if (known !== undefined) {
        known.budget.limit(judge);
        known.windowMs = maxDurationMs;
        return known;
      }
      forgetOld();
      if (entries.size >= maxPolicies) return undefined;
      const budget = createJudgeBudget(judge, now, processes);
      const entry = {
        budget,
        isRefused: false,
        servesLane: false,
        sinceMs: now(),
        windowMs: maxDurationMs,
      };
      entries.set(name, entry);
      return entry;
    },
    known: (policy) => entries.get(policy),
    restart({ name, budget: { maxDurationMs } }) {
      const known = entries.get(name);
      if (known === undefined) return;
      known.isRefused = false;
      known.windowMs = maxDurationMs;
      if (isOver(known)) entries.delete(name);
    },
    keepFor(policies) {
      current = policies;
      forgetOld();
    },
    get size() {
      return entries.size;
    },
  };
}

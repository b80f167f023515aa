import { expect, test } from "@jest/globals";
import type { JudgePolicy } from "@umbra/envoy-config";
import { defaultMirrorSettings } from "@umbra/envoy-config/internal";
import { createPolicyBudgets } from "../src/judge-model/policy-budgets.ts";

const judge = { maxCalls: 2 } as JudgePolicy;
const policy = (name: string) => defaultMirrorSettings(name).policy;
const windowMs = policy("default/p").budget.maxDurationMs;

test("remembers budgets of at most 1,024 policies, and gives out no other while they last", () => {
  let nowMs = 0;
  const budgets = createPolicyBudgets({ now: () => nowMs, processes: () => 1 });
  for (let i = 0; i < 1_024; i++) expect(budgets.of(policy(`default/${i}`), judge)).toBeDefined();
  expect(budgets.of(policy("default/more"), judge)).toBeUndefined();
  expect(budgets.size).toBe(1_024);
  budgets.keepFor(new Set(["default/0"]));
  expect(budgets.of(policy("default/more"), judge)).toBeUndefined();
  nowMs = windowMs;
  expect(budgets.of(policy("default/more"), judge)).toBeDefined();
  expect(budgets.size).toBe(2);
});

test("keeps the budget of a policy that there is, however long it lasts", () => {
  let nowMs = 0;
  const budgets = createPolicyBudgets({ now: () => nowMs, processes: () => 1 });
  budgets.keepFor(new Set(["default/p"]));
  const first = budgets.of(policy("default/p"), judge)?.budget;
  nowMs = 10 * windowMs;
  budgets.keepFor(new Set(["default/p"]));
  expect(budgets.of(policy("default/p"), judge)?.budget).toBe(first);
  budgets.restart(policy("default/p"));
  expect(budgets.of(policy("default/p"), judge)?.budget).not.toBe(first);
});

import { expect, test } from "@jest/globals";
import { createHeldBudget } from "../src/held-budget.ts";

test("a changed limit counts what is held already", () => {
  const budget = createHeldBudget(100, () => ({ kind: "route", setHeaders: [] }));
  expect(budget.take(80)).toBe(true);
  budget.setLimit(50);
  expect(budget.take(1)).toBe(false);
  budget.giveBack(80);
  expect([budget.take(51), budget.take(50)]).toEqual([false, true]);
  budget.setLimit(60);
  expect([budget.take(11), budget.take(10)]).toEqual([false, true]);
});

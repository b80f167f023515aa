import { beforeAll, describe, expect, test } from "@jest/globals";
import { until } from "../e2e/harness/until.ts";
import { msToWait } from "./test-deadline.ts";

let inHook = 0;

beforeAll(() => {
  inHook = msToWait();
}, 50_000);

test("a wait has the limit of its hook or its test, less a second", () => {
  expect(inHook).toBeGreaterThan(40_000);
  expect(inHook).toBeLessThanOrEqual(49_000);
  expect(msToWait()).toBeGreaterThan(60_000);
  expect(msToWait()).toBeLessThanOrEqual(79_000);
}, 80_000);

test("a wait with a longer limit than its test says what it waited for", async () => {
  // As if this test ended then: one that did would race with Jest on a busy machine.
  Reflect.set(globalThis, Symbol.for("umbra.testEndsAtMs"), performance.now() + 1_200);
  const wait = until("nothing", () => false, 60_000);
  await expect(wait).rejects.toThrow(/^waited \d+ ms in vain: nothing$/);
}, 80_000);

describe("tests that run concurrently", () => {
  test.concurrent.each([1, 2])(
    "have no common limit: %i",
    async () => {
      expect(msToWait()).toBe(Number.POSITIVE_INFINITY);
    },
    10_000,
  );
});

import { expect, test } from "@jest/globals";
import { checkTests } from "../check-tests.mjs";

const found = (text) => checkTests("x.test.ts", text);

test.each([
  [
    "a test without an assertion",
    `test("x", () => { run(); });`,
    ["1:1 this test asserts nothing"],
  ],
  ["one of a table", `test.each([1])("x %s", () => {});`, ["1:1 this test asserts nothing"]],
  ["a test that asserts", `test("x", () => { expect(1).toBe(1); });`, []],
  [
    "one that asserts by a function of the file",
    `function holds() { expect(1).toBe(1); }\ntest("x", () => holds());`,
    [],
  ],
  [
    "an assertion behind a condition",
    `test("x", () => { expect(a).toBe(1); if (a) expect(b).toBe(2); });`,
    ["1:45 an assertion inside an `if` may never run: assert the condition too"],
  ],
  [
    "an assertion in the other branch",
    `test("x", () => { expect(a).toBe(1); if (a) run(); else { expect(b).toBe(2); } });`,
    ["1:59 an assertion inside an `if` may never run: assert the condition too"],
  ],
  [
    "an assertion in a callback that is made behind a condition",
    `test("x", () => { expect(a).toBe(1); if (a) on(() => expect(b).toBe(2)); });`,
    [],
  ],
  [
    "a loop that waits for ever",
    "async function seen() { for (;;) { if (done()) return; await sleep(5); } }",
    ["1:25 this loop waits without a limit: use `until` with one"],
  ],
  [
    "a loop that waits until a time",
    "async function seen() { for (;;) { if (now() > end) throw new Error(); await sleep(5); } }",
    [],
  ],
  [
    "a loop that counts",
    "async function seen() { for (let i = 0; i < 5; i++) await sleep(5); }",
    [],
  ],
])("%s", (_, text, faults) => {
  expect(found(text)).toEqual(faults);
});

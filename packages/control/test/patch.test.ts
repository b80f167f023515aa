import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { propertyRuns } from "../../../testing/property-runs.ts";
import { patched, patchOf } from "../src/thread/patch.ts";

const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom<unknown>(undefined, null, true, 0, 1, "a", "b", Number.NaN),
    tie("list"),
    tie("record"),
  ),
  list: fc.array(tie("value"), { maxLength: 4 }),
  record: fc.dictionary(fc.constantFrom("name", "a", "b", "__proto__"), tie("value"), {
    maxKeys: 4,
    noNullPrototype: true,
  }),
})).value;

/** As it arrives in another thread. */
const sent = <T>(value: T): T => structuredClone(value);

test("what a patch was made of comes out again, whatever both were", () => {
  fc.assert(
    fc.property(plain, plain, (before, after) => {
      expect(patched(sent(before), sent(patchOf(before, after)))).toStrictEqual(after);
    }),
    { numRuns: propertyRuns(250, 2_000) },
  );
});

const routes = (count: number, percent: (index: number) => number) =>
  Array.from({ length: count }, (_, i) => ({ name: `route-${i}`, percent: percent(i) }));

test("what is equal stays the same object, and only what has changed is sent", () => {
  const before = { listeners: [{ name: "http", routes: routes(500, () => 10) }], pools: ["a"] };
  const after = {
    listeners: [{ name: "http", routes: routes(500, (i) => (i === 7 ? 25 : 10)) }],
    pools: ["a"],
  };
  const patch = patchOf(before, after);
  const made = patched(before, sent(patch)) as typeof after;
  expect(made).toEqual(after);
  expect(made.pools).toBe(before.pools);
  expect(made.listeners[0]?.routes[8]).toBe(before.listeners[0]?.routes[8]);
  expect(JSON.stringify(patch).match(/route-/g)).toBeNull();
});

test("a new item in front of named ones does not make them new", () => {
  const before = routes(100, () => 10);
  const patch = patchOf(before, [{ name: "first", percent: 5 }, ...before]);
  expect(JSON.stringify(patch).match(/route-/g)).toBeNull();
  const made = patched(before, patch) as typeof before;
  expect(made.slice(1).every((each, i) => each === before[i])).toBe(true);
});

test("without data before, all of it is sent", () => {
  expect(patchOf(undefined, { a: [1] })).toEqual({ kind: "value", value: { a: [1] } });
});

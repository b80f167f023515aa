import { describe, expect, test } from "@jest/globals";
import { createPool } from "@umbra/scheduler";
import { type ModelList, ServedModels } from "../src/pools/served-models.ts";

const addresses = Array.from({ length: 100 }, (_, i) => `10.0.0.${i}:80`);
const [first = "", second = "", third = ""] = addresses;

function setup() {
  const state = createPool({ name: "pool", now: () => 0 });
  state.setEndpoints(addresses);
  return { state, served: new ServedModels(state) };
}

function list(base: readonly string[], adapters: readonly string[] = [], of = "m"): ModelList {
  return { base, adapters, parents: new Map(adapters.map((name) => [name, of])) };
}

/** Counts how often the names of the list are read. */
function counted(models: ModelList): ModelList & { readonly reads: number } {
  let reads = 0;
  return {
    get reads() {
      return reads;
    },
    get adapters() {
      reads++;
      return models.adapters;
    },
    base: models.base,
    parents: models.parents,
  };
}

describe("a changed list", () => {
  test("costs only its own names: no other list is read again, and no merged text is built", () => {
    const { served } = setup();
    const adapters = Array.from({ length: 500 }, (_, i) => `a${i}`);
    const lists = addresses.map((_, i) => counted(list(["m"], [...adapters, `own${i}`])));
    for (const [i, each] of lists.entries()) served.record(addresses[i] ?? "", each);
    const before = lists.map(({ reads }) => reads);
    for (let i = 0; i < 50; i++) served.record(first, list(["m"], [`b${i}`]));
    expect(lists.slice(1).map(({ reads }) => reads)).toEqual(before.slice(1));
    expect(Math.max(...before)).toBeLessThan(10);
    expect(served.adapters.size).toBe(500 + 99 + 1);
  });

  test("is cached as text until a list changes", () => {
    const { served } = setup();
    const lists = [counted(list(["m"], ["a"])), counted(list(["m"], ["b"]))];
    served.record(first, lists[0] as ModelList);
    served.record(second, lists[1] as ModelList);
    const text = served.union;
    const reads = lists.map((each) => each.reads);
    expect(served.union).toBe(text);
    expect(lists.map((each) => each.reads)).toEqual(reads);
    served.record(second, list(["m"], ["c"]));
    expect(JSON.parse(served.union ?? "")).toMatchObject({
      data: [{ id: "m" }, { id: "a" }, { id: "c" }],
    });
    served.record(second, list(["m"], ["a"]));
    expect(served.union).toBeUndefined();
  });

  test("removes only what no other list has", () => {
    const { served } = setup();
    served.record(first, list(["m"], ["a", "b"], "m"));
    served.record(second, list(["m", "n"], ["a"], "n"));
    expect([served.baseOf("a"), served.has("n"), served.isAdapter("b")]).toEqual(["m", true, true]);
    served.record(first, { ...list(["m"]), isGuarded: true });
    expect([served.baseOf("a"), served.has("b"), served.isGuarded]).toEqual(["n", false, true]);
    served.record(first, list(["m"]));
    served.record(second, list(["m"]));
    expect([served.baseOf("a"), served.has("a"), served.isGuarded]).toEqual(["a", false, false]);
    expect([...served.base, ...served.adapters]).toEqual(["m"]);
  });
});

test("an endpoint that returns with the same list is recorded again", () => {
  const { state, served } = setup();
  for (const address of addresses) served.record(address, list(["m"]));
  served.record(first, list(["m"], ["a"]));
  state.setEndpoints(addresses.slice(1));
  state.setEndpoints(addresses);
  expect(served.record(first, list(["m"], ["a"]))).toBe(false);
  const picks = Array.from({ length: 10 }, () => state.pick({ model: "a" }));
  expect(new Set(picks.map((each) => each.ok && each.endpoint))).toEqual(new Set([first]));
});

test.each([
  [first, second],
  [second, first],
])("the merged list is the same in any reading order", (one, other) => {
  const { served } = setup();
  served.record(one, list(["n"], ["b"], "n"));
  served.record(other, list(["m", "b"], ["c", "a"]));
  const { data } = JSON.parse(served.union ?? "") as { data: { id: string }[] };
  expect(data.map(({ id }) => id)).toEqual(["b", "m", "n", "a", "c"]);
});

test("the names of removed endpoints are forgotten, and not recorded again", () => {
  const { state, served } = setup();
  served.record(first, list(["m"], ["a"]));
  served.recordNamed(second, new Set(["b"]));
  expect([served.isAdapter("a"), served.isAdapter("b")]).toEqual([true, true]);
  served.record(third, list(["m"]));
  state.setEndpoints([third]);
  served.forgetGone();
  served.record(first, list(["m"], ["a"]));
  served.recordNamed(second, new Set(["b"]));
  served.reached(first);
  served.markDoubtful(first);
  expect([served.hasUnread(), served.takeDoubt(first)]).toEqual([false, false]);
  expect([served.isAdapter("a"), served.isAdapter("b")]).toEqual([false, false]);
  expect(served.union).toBeUndefined();
});

test("adapters from a page count until the list is read", () => {
  const { served } = setup();
  expect(served.recordNamed(first, new Set(["a"]))).toBe(true);
  expect(served.recordNamed(second, new Set(["a"]))).toBe(true);
  served.record(first, list(["m"], ["a"]));
  expect(served.recordNamed(first, new Set(["a"]))).toBe(false);
  served.record(first, list(["m"]));
  expect(served.isAdapter("a")).toBe(true);
  served.record(second, list(["m"]));
  expect(served.isAdapter("a")).toBe(false);
});

import { expect, test } from "@jest/globals";
import { defined } from "@umbra/shadow/defined";

test.each([
  { name: "a value", of: { a: 1 }, keys: ["a"] },
  { name: "undefined", of: { a: undefined, b: 1 }, keys: ["b"] },
  {
    name: "values that are empty",
    of: { a: 0, b: "", c: false, d: null },
    keys: ["a", "b", "c", "d"],
  },
  { name: "nothing", of: {}, keys: [] },
])("defined keeps the keys of $name that have a value", ({ of, keys }) => {
  expect(Object.keys(defined(of))).toEqual(keys);
});

import { isDeepStrictEqual } from "node:util";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { isSameData } from "../../src/pools/is-same-data.ts";

const data = fc
  .jsonValue({ maxDepth: 3 })
  .map((each) => JSON.parse(JSON.stringify(each)) as unknown);

test("plain data is the same as its copy, and compared like Node.js does", () => {
  fc.assert(
    fc.property(data, data, (a, b) => {
      expect(isSameData(a, structuredClone(a))).toBe(true);
      expect(isSameData({ a, b }, { b, a })).toBe(true);
      expect(isSameData(a, b)).toBe(isDeepStrictEqual(a, b));
    }),
  );
});

test.each([
  [{ a: 1 }, { b: 1 }],
  [[], {}],
  [{ a: undefined }, { b: undefined }],
  [null, {}],
  [[1], [1, 2]],
])("%j differs from %j", (a, b) => {
  expect([isSameData(a, b), isSameData(b, a)]).toEqual([false, false]);
});

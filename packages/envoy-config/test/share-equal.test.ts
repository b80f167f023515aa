import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { shareEqual } from "../src/store/share-equal.ts";

const anyJson = fc.jsonValue({ maxDepth: 4 });

describe("shareEqual", () => {
  test("never changes what the data says", () => {
    fc.assert(
      fc.property(anyJson, anyJson, (before, after) => {
        const text = JSON.stringify([before, after]);
        expect(shareEqual(before, after)).toEqual(after);
        expect(JSON.stringify([before, after])).toBe(text);
      }),
    );
  });

  test("of equal data is the data before", () => {
    fc.assert(
      fc.property(anyJson, (any) => {
        const text = JSON.stringify(any);
        const data: unknown = JSON.parse(text);
        expect(shareEqual(data, JSON.parse(text))).toBe(data);
      }),
    );
  });

  test("keeps equal parts, wherever a named item is", () => {
    const before = { a: [{ name: "x", v: [1] }, { name: "y" }], b: { c: 1 } };
    const after = { a: [{ name: "new" }, { name: "x", v: [1] }, { name: "y" }], b: { c: 1 } };
    const shared = shareEqual(before, after);
    expect(shared).toEqual(after);
    expect(shared.a[1]).toBe(before.a[0]);
    expect(shared.a[2]).toBe(before.a[1]);
    expect(shared.b).toBe(before.b);
  });

  test("takes a field `__proto__` for what it is", () => {
    const after = JSON.parse('{"__proto__": {"a": 1}, "b": 2}') as object;
    expect(JSON.stringify(shareEqual({ b: 2 }, after))).toBe('{"__proto__":{"a":1},"b":2}');
  });
});

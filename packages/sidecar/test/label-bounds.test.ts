import { describe, expect, test } from "@jest/globals";
import { createDistribution, createLabelValues, createTable } from "@umbra/sidecar/internal";
import fc from "fast-check";

describe("the values of a label", () => {
  test("are limited for any input; pinned ones are always shown", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 300 }), { maxLength: 200 }),
        fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { maxLength: 5 }),
        fc.integer({ min: 5, max: 20 }),
        (values, pinned, limit) => {
          const label = createLabelValues(pinned, limit);
          const shown = new Set(values.map((value) => label.of(value)));
          expect(shown.size).toBeLessThanOrEqual(limit + 1);
          for (const value of pinned) expect(label.of(value)).toBe(value);
          for (const value of values) expect([value, "other"]).toContain(label.of(value));
        },
      ),
    );
  });

  test("have room for others after some were removed", () => {
    const label = createLabelValues(["pinned"], 2);
    expect([label.of("a"), label.of("b")]).toEqual(["a", "other"]);
    label.forget((value) => value === "a");
    expect([label.of("b"), label.of("a"), label.of("pinned")]).toEqual(["b", "other", "pinned"]);
    label.pin("a");
    expect(label.of("a")).toBe("a");
  });

  test("are 1,000 by default", () => {
    const label = createLabelValues([]);
    const shown = new Set(Array.from({ length: 3_000 }, (_, i) => label.of(`m${i}`)));
    expect(shown.size).toBe(1_001);
  });
});

describe("a table", () => {
  test("returns the same row for the same values, and limits the rows", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom("a", "b"), fc.string(), fc.string()), {
          maxLength: 100,
        }),
        fc.integer({ min: 1, max: 30 }),
        (keys, limit) => {
          const table = createTable(() => ({ value: 0 }), limit);
          for (const key of keys) table.at(...key).value++;
          const rows = table.rows();
          expect(rows.length).toBeLessThanOrEqual(limit + 1);
          expect(rows.reduce((sum, [, { value }]) => sum + value, 0)).toBe(keys.length);
          const counted = new Set(keys.map((key) => key.join("\0"))).size;
          const shown = rows.map(([values]) => values.join("\0")).toSorted();
          const all = [...new Set(keys.map((key) => key.join("\0")))].toSorted();
          expect(shown).toEqual(counted <= limit ? all : shown);
        },
      ),
    );
  });

  test("removes rows, and makes room for others", () => {
    const table = createTable(() => ({ value: 0 }), 2);
    table.at("x", "a").value = 1;
    table.at("x", "b").value = 2;
    table.forget(([, name]) => name === "a");
    expect(table.rows()).toEqual([[["x", "b"], { value: 2 }]]);
    expect(table.at("x", "a").value).toBe(0);
    table.forget(() => true);
    expect(table.rows()).toEqual([]);
    table.at("y", "c").value++;
    expect(table.rows()).toEqual([[["y", "c"], { value: 1 }]]);
  });

  test("uses one shared row above the limit", () => {
    const table = createTable(() => ({ value: 0 }), 2);
    for (const name of ["a", "b", "c", "d", "a"]) table.at("x", name).value++;
    expect(table.rows().map(([values, { value }]) => [...values, value])).toEqual([
      ["x", "a", 2],
      ["x", "b", 1],
      ["other", "other", 2],
    ]);
  });

  test("without labels has one row", () => {
    const table = createTable(() => ({ value: 0 }));
    table.at().value += 2;
    table.at().value++;
    expect(table.rows()).toEqual([[[], { value: 3 }]]);
  });
});

test("a distribution puts each value under the first bound that is not below it", () => {
  const bounds = [0, 1, 2.5, 10];
  fc.assert(
    fc.property(fc.array(fc.double({ min: -5, max: 20, noNaN: true })), (values) => {
      const distribution = createDistribution(bounds);
      for (const value of values) distribution.observe(value);
      const want = [...bounds, Number.POSITIVE_INFINITY].map(
        (bound, i) =>
          values.filter((value) => value <= bound && (i === 0 || value > (bounds[i - 1] as number)))
            .length,
      );
      expect([...distribution.counts]).toEqual(want);
    }),
  );
  const distribution = createDistribution(bounds);
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 3]) distribution.observe(value);
  expect([...distribution.counts, distribution.sum]).toEqual([0, 0, 0, 1, 0, 3]);
});

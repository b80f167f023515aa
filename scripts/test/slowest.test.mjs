import { expect, test } from "@jest/globals";
import { slowest } from "../slowest.mjs";

test("the ten slowest files, the slowest first", () => {
  const files = Array.from({ length: 12 }, (_, i) => ({ file: `${i}.test.ts`, ms: 1_000 * i }));
  const lines = slowest(files).trim().split("\n");
  expect(lines).toHaveLength(11);
  expect(lines[1]?.trim()).toBe("11.0 s  11.test.ts");
  expect(lines.at(-1)?.trim()).toBe("2.0 s  2.test.ts");
});

test("of one file there is nothing to say", () => {
  expect(slowest([{ file: "a.test.ts", ms: 1 }])).toBe("");
});

import { describe, expect, test } from "@jest/globals";
import { firstDifference } from "./golden.ts";

describe("the first difference of two texts", () => {
  test.each([
    { name: "equal", is: "a\nb\n", should: "a\nb\n", want: undefined },
    {
      name: "a line",
      is: "a\nx\nc",
      should: "a\nb\nc",
      want: 'line 2, column 1: is "x", should be "b"',
    },
    {
      name: "a line more",
      is: "a\nb",
      should: "a",
      want: 'line 2, column 1: is "b", should be "(end)"',
    },
    {
      name: "a line less",
      is: "a",
      should: "a\nb",
      want: 'line 2, column 1: is "(end)", should be "b"',
    },
  ])("$name", ({ is, should, want }) => {
    expect(firstDifference(is, should)).toBe(want);
  });

  test("is shown around its column, and cut", () => {
    const found = firstDifference(`${"x".repeat(900)}1${"y".repeat(900)}`, `${"x".repeat(900)}2`);
    expect(found).toMatch(/^line 1, column 901: is "x{40}1y{119}", should be "x{40}2"$/);
  });
});

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "@jest/globals";
import { expectGolden, expectSameText, firstDifference } from "./golden.ts";

describe("the first difference of two texts", () => {
  test.each([
    { name: "equal", is: "a\nb\n", should: "a\nb\n", want: undefined },
    {
      name: "a line",
      is: "a\nx\nc",
      should: "a\nb\nc",
      want: { line: 2, column: 1, is: '"x"', should: '"b"' },
    },
    {
      name: "a line more",
      is: "a\nb",
      should: "a",
      want: { line: 2, column: 1, is: '"b"', should: '"(end)"' },
    },
    {
      name: "a line less",
      is: "a",
      should: "a\nb",
      want: { line: 2, column: 1, is: '"(end)"', should: '"b"' },
    },
  ])("$name", ({ is, should, want }) => {
    expect(firstDifference(is, should)).toEqual(want);
  });

  test("is shown around its column, and cut", () => {
    const found = firstDifference(`${"x".repeat(900)}1${"y".repeat(900)}`, `${"x".repeat(900)}2`);
    expect(found).toMatchObject({ line: 1, column: 901 });
    expect(found?.is).toMatch(/^"x{40}1y{119}"$/);
    expect(found?.should).toMatch(/^"x{40}2"$/);
  });
});

describe("a golden file", () => {
  const folder = mkdtempSync(join(tmpdir(), "umbra-golden-"));
  const file = join(folder, "page.md");
  const before = process.env.UPDATE_GOLDEN;
  afterEach(() => {
    rmSync(file, { force: true });
    if (before === undefined) delete process.env.UPDATE_GOLDEN;
    else process.env.UPDATE_GOLDEN = before;
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("that differs is named with its line, both forms of it, and how to rewrite it", () => {
    delete process.env.UPDATE_GOLDEN;
    writeFileSync(file, "one\ntwo\n");
    expect(() => expectGolden("one\nTwo\n", file)).toThrow(
      /page\.md:2:1 is not what was made\n {2}expected: "two"\n {2}made: {5}"Two"\n.*UPDATE_GOLDEN=1/,
    );
  });

  test("that is missing, or should be, is named too", () => {
    delete process.env.UPDATE_GOLDEN;
    expect(() => expectGolden("one", file)).toThrow(/page\.md: there is no such file\n/);
    writeFileSync(file, "one");
    expect(() => expectGolden(undefined, file)).toThrow(/page\.md: the file should not be there/);
  });

  test("is rewritten, or removed, where that is asked for", () => {
    process.env.UPDATE_GOLDEN = "1";
    expectGolden("one", file);
    expect(readFileSync(file, "utf8")).toBe("one");
    expectGolden(undefined, file);
    expect(existsSync(file)).toBe(false);
  });

  test("a part of a page is named as it is called", () => {
    expect(() => expectSameText("a", "b", "docs/errors.md, UMB0101")).toThrow(
      /^docs\/errors\.md, UMB0101:1:1 is not/,
    );
  });
});

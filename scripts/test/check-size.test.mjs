import { describe, expect, test } from "@jest/globals";
import { merged, problemsOf, shrunk, sizesOf } from "../check-size.mjs";

const lines = (count) => "  run();\n".repeat(count);
const long = `export function walk(): void {\n${lines(59)}}\n`;

function problems(text, allowances = {}) {
  return problemsOf(sizesOf("src/a.ts", text), allowances);
}

describe("the check of sizes", () => {
  test.each([
    { name: "a function of 61 lines", text: long, found: "src/a.ts walk: 61 lines" },
    {
      name: "an arrow function of 61 lines",
      text: `const walk = () => {\n${lines(59)}};\n`,
      found: "src/a.ts walk: 61 lines",
    },
    {
      name: "a method of 61 lines",
      text: `class Tree {\n  walk() {\n${lines(59)}}\n}\n`,
      found: "src/a.ts Tree.walk: 61 lines",
    },
    { name: "a file of 401 lines", text: lines(401), found: "src/a.ts: 401 lines" },
    {
      name: "five parameters",
      text: "function walk(a, b, c, d, e) {}\n",
      found: "src/a.ts walk: 5 parameters",
    },
    {
      name: "a boolean parameter of an exported function",
      text: "export function walk(isDeep: boolean) {}\n",
      found: "src/a.ts walk: 1 boolean parameters",
    },
    {
      name: "a boolean parameter that is known by its default alone",
      text: "export const walk = (isDeep = false) => {};\n",
      found: "src/a.ts walk: 1 boolean parameters",
    },
    {
      name: "a boolean parameter of an exported class's method",
      text: "export class Tree {\n  walk(isDeep?: boolean) {}\n}\n",
      found: "src/a.ts Tree.walk: 1 boolean parameters",
    },
  ])("finds $name", ({ text, found }) => {
    expect(problems(text)).toEqual([expect.stringContaining(`${found}, and at most`)]);
  });

  test.each([
    { name: "a function of 60 lines", text: `function walk() {\n${lines(58)}}\n` },
    { name: "a file of 400 lines", text: lines(400) },
    {
      name: "a boolean parameter of a function that is not exported",
      text: "function f(is: boolean) {}\n",
    },
    { name: "a boolean in an object", text: "export function f({ is }: { is: boolean }) {}\n" },
  ])("takes $name", ({ text }) => {
    expect(problems(text)).toEqual([]);
  });

  test("takes what is listed with its size, and nothing larger", () => {
    expect(problems(long, { functionLines: { "src/a.ts walk": 61 } })).toEqual([]);
    expect(problems(long, { functionLines: { "src/a.ts walk": 60 } })).toEqual([
      "src/a.ts walk: 61 lines, and at most 60 are allowed",
    ]);
  });

  test.each([
    { name: "a function that is small enough", text: "function walk() {}\n" },
    { name: "a function that is not there", text: "" },
  ])("refuses an entry for $name", ({ text }) => {
    expect(problems(text, { functionLines: { "src/a.ts walk": 61 } })).toEqual([
      'src/a.ts walk: remove its entry from "functionLines" in scripts/size-allowances.json',
    ]);
  });

  test("shrinks the list: sizes fall, what is small enough goes, nothing is added", () => {
    const sizes = merged([sizesOf("src/a.ts", long), sizesOf("src/b.ts", long)]);
    const listed = { "src/a.ts walk": 70, "src/gone.ts walk": 80 };
    expect(shrunk(sizes, { functionLines: listed }).functionLines).toEqual({ "src/a.ts walk": 61 });
  });
});

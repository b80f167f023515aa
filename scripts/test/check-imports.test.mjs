import { describe, expect, test } from "@jest/globals";
import { circlesOf, directionProblems, directions, importsOf } from "../check-imports.mjs";

const files = (imports) => new Map(Object.entries(imports));

describe("the check of imports", () => {
  test("knows imports of values, of types and of effects, exports, and those at run time", () => {
    const text = [
      'import { a } from "./a.ts";',
      'import type { B } from "./b.ts";',
      'import "./c.ts";',
      'export { d } from "./d.ts";',
      'const e = await import("./e.ts");',
    ].join("\n");
    expect(importsOf(text)).toEqual(["./a.ts", "./b.ts", "./c.ts", "./d.ts", "./e.ts"]);
  });

  test.each([
    ["envoy-config", "resources/reader.ts", "bootstrap/render.ts"],
    ["envoy-config", "resolve/shares.ts", "bootstrap/header-changes.ts"],
    ["envoy-config", "lint/ports.ts", "bootstrap/options.ts"],
    ["envoy-config", "bootstrap/options.ts", "resolve/certificates.ts"],
    ["sidecar", "metrics/table.ts", "requests/picking.ts"],
  ])("%s: %s may not import %s", (name, file, target) => {
    const rules = directions[name].map(({ except: _, ...rule }) => rule);
    expect(directionProblems(files({ [file]: [target], [target]: [] }), rules)).toEqual([
      expect.stringContaining(`${file}: imports "${target}"`),
    ]);
  });

  test("takes an exception that is used, and refuses one that is not", () => {
    const rules = [{ folder: "metrics", never: ["exchange"], except: ["exchange/a.ts"] }];
    expect(directionProblems(files({ "metrics/m.ts": ["exchange/a.ts"] }), rules)).toEqual([]);
    expect(directionProblems(files({ "metrics/m.ts": [] }), rules)).toEqual([
      "exchange/a.ts: remove it from `except`: nothing in metrics imports it",
    ]);
  });

  test.each([
    { name: "two files", imports: { "a.ts": ["b.ts"], "b.ts": ["a.ts"] }, has: ["a.ts", "b.ts"] },
    {
      name: "three files, behind one that is not of the circle",
      imports: { "a.ts": ["b.ts"], "b.ts": ["c.ts"], "c.ts": ["d.ts"], "d.ts": ["b.ts"] },
      has: ["b.ts", "c.ts", "d.ts"],
    },
  ])("finds a circle of $name", ({ imports, has }) => {
    expect(circlesOf(files(imports))).toEqual([[...has, has[0]]]);
  });

  test("takes a file that several import", () => {
    const imports = { "a.ts": ["b.ts", "c.ts"], "b.ts": ["c.ts"], "c.ts": [] };
    expect(circlesOf(files(imports))).toEqual([]);
  });
});

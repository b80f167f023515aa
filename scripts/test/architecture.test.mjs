import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";

const root = new URL("../../", import.meta.url);
const page = readFileSync(new URL("docs/architecture.md", root), "utf8");
/** Rows of tables that name a function and its file. */
const steps = [...page.matchAll(/\| `(\w+)\.(#?\w+)` \| `(packages\/\S+\.ts)` \|$/gm)].map(
  ([, type = "", method = "", file = ""]) => ({ type, method, file }),
);

describe("the path of a changed file in docs/architecture.md", () => {
  test("has every step", () => {
    expect(steps).toHaveLength(11);
  });

  test.each(steps)("$type, $method: $file", ({ type, method, file }) => {
    const [, body = ""] = readFileSync(new URL(file, root), "utf8").split(`class ${type} `);
    // Its class ends with the first brace at the line's beginning.
    const [own = ""] = body.split("\n}\n");
    expect(own).toMatch(new RegExp(`^  ${method}\\(`, "m"));
  });
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { affectedTests } from "../affected.mjs";

const root = mkdtempSync(join(tmpdir(), "umbra-affected-"));
const manifest = {
  name: "@umbra/low",
  exports: { ".": { "@umbra/source": "./src/index.ts" } },
};
const files = {
  "packages/low/package.json": JSON.stringify(manifest),
  "packages/low/src/index.ts": 'export { one } from "./one.ts";\n',
  "packages/low/src/one.ts": "export const one = 1;\n",
  "packages/low/src/two.ts": "export const two = 2;\n",
  "packages/low/test/one.test.ts": 'import { one } from "@umbra/low";\n',
  "packages/low/test/two.test.ts": 'import { two } from "../src/two.ts";\n',
  "packages/high/package.json": JSON.stringify({ name: "@umbra/high" }),
  "packages/high/src/sum.ts": 'import { one } from "@umbra/low";\n',
  "packages/high/test/sum.test.ts": 'import { sum } from "../src/sum.ts";\n',
  "e2e/sum.test.ts": 'import "../packages/high/src/sum.ts";\n',
  "sim/run.ts": "",
  "scripts/run.mjs": "",
  "testing/golden.ts": "",
};
for (const [name, text] of Object.entries(files)) {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), text);
}
afterAll(() => rmSync(root, { recursive: true }));

test.each([
  {
    changed: "packages/low/src/one.ts",
    want: ["packages/low/test/one.test.ts", "packages/high/test/sum.test.ts", "e2e/sum.test.ts"],
  },
  { changed: "packages/low/src/two.ts", want: ["packages/low/test/two.test.ts"] },
  {
    changed: "packages/high/src/sum.ts",
    want: ["packages/high/test/sum.test.ts", "e2e/sum.test.ts"],
  },
  { changed: "packages/low/test/two.test.ts", want: ["packages/low/test/two.test.ts"] },
  { changed: "packages/low/test/deleted.test.ts", want: [] },
  { changed: "sim/run.ts", want: [] },
])("a change of $changed affects $want", ({ changed, want }) => {
  expect(affectedTests(root, [changed])).toEqual(want);
});

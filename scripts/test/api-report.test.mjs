import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { apiReports } from "../api-report.mjs";

const home = mkdtempSync(join(tmpdir(), "umbra-api-"));

afterAll(() => rmSync(home, { recursive: true, force: true }));

const files = {
  "package.json": JSON.stringify({
    name: "@umbra/lamp",
    exports: {
      ".": { "@umbra/source": "./src/index.ts" },
      "./bulb": { "@umbra/source": "./src/bulb.ts" },
      "./internal": { "@umbra/source": "./src/internal.ts" },
    },
  }),
  "src/index.ts": `export { type Lamp, light as turnOn } from "./lamp.ts";`,
  "src/internal.ts": `export { light } from "./lamp.ts";`,
  "src/bulb.ts": `/** Watts. */
export const watts = 40;
`,
  "src/lamp.ts": `import type { Shade } from "./shade.ts";
const colours = ["red", "white"] as const;
export interface Lamp { readonly shade: Shade; /** Lit. */ readonly isOn: boolean }
export function light(lamp: Lamp, colour?: (typeof colours)[number]): Lamp { return { ...lamp, isOn: colour !== "red" }; }
export function dark(): void {}
`,
  "src/shade.ts": `export type Shade = "paper" | "silk";`,
};

/** The report of a package in which some files are others. */
function reportOf(changed = {}) {
  for (const [name, text] of Object.entries({ ...files, ...changed })) {
    const path = join(home, "packages/lamp", name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return apiReports(join(home, "packages"))["packages/lamp/api.md"];
}

test("a report holds the declarations of each entry, and those that they use", () => {
  expect(reportOf()).toBe(`# The API of @umbra/lamp

Written by \`npm run generate\`: a change of this file is a change of the public API.

## @umbra/lamp

\`\`\`ts
interface Lamp {
    readonly shade: Shade;
    readonly isOn: boolean;
}

function light(lamp: Lamp, colour?: (typeof colours)[number]): Lamp;
export { light as turnOn };
\`\`\`

## @umbra/lamp/bulb

\`\`\`ts
const watts = 40;
\`\`\`

## Not exported, used above

\`\`\`ts
type Shade = "paper" | "silk";

const colours: readonly [
    "red",
    "white"
];
\`\`\`
`);
});

test.each([
  {
    change: "an export",
    changed: { "src/index.ts": `${files["src/index.ts"]}\nexport { dark } from "./lamp.ts";` },
    shows: "function dark(): void;",
  },
  {
    change: "a parameter",
    changed: { "src/lamp.ts": files["src/lamp.ts"].replace("colour?", "shine: number, colour?") },
    shows: "function light(lamp: Lamp, shine: number, colour?: (typeof colours)[number]): Lamp;",
  },
  {
    change: "a type that is only used",
    changed: { "src/shade.ts": `export type Shade = "paper" | "silk" | "glass";` },
    shows: `type Shade = "paper" | "silk" | "glass";`,
  },
])("$change that is new shows in the report", ({ changed, shows }) => {
  expect(reportOf()).not.toContain(shows);
  expect(reportOf(changed)).toContain(shows);
});

test.each([
  {
    change: "a body",
    changed: { "src/lamp.ts": files["src/lamp.ts"].replace('"red" }', '"white" }') },
  },
  {
    change: "a comment",
    changed: { "src/bulb.ts": files["src/bulb.ts"].replace("Watts", "In W") },
  },
  {
    change: "an internal export",
    changed: { "src/internal.ts": `export { dark } from "./lamp.ts";` },
  },
])("$change that is other does not show", ({ changed }) => {
  const before = reportOf();
  expect(reportOf(changed)).toBe(before);
});

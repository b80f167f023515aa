import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "@jest/globals";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** What `npm run demo` writes where it is started. */
const report = "umbra-demo-report-of-a-test.html";

beforeAll(() => writeFileSync(join(root, report), '<div onclick="go()"><img></div>\n'));
afterAll(() => rmSync(join(root, report), { force: true }));

test("the linter reads nothing that git ignores", () => {
  const biome = join(root, "node_modules", ".bin", "biome");
  const args = ["ci", "--colors=off", report];
  const { stderr, stdout } = spawnSync(biome, args, { cwd: root, encoding: "utf8" });
  expect(stdout + stderr).toContain("No files were processed");
});

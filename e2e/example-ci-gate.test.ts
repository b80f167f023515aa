import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "@jest/globals";
import { traffic } from "../packages/shadow/test/fixtures.ts";
import { umbra } from "./harness/processes.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "umbra-gate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function gate(...args: readonly string[]) {
  const { status, stderr } = spawnSync("sh", [join(root, "examples/ci-gate/gate.sh"), ...args], {
    cwd: folder,
    encoding: "utf8",
    env: {
      ...process.env,
      UMBRA: `${process.execPath} ${umbra}`,
      GITHUB_STEP_SUMMARY: join(folder, "summary.md"),
    },
  });
  return { status, stderr };
}

test.each([
  { ratio: 1.5, seconds: 2_000, status: 10, says: "gate: FAIL", shows: "FAIL" },
  { ratio: 1, seconds: 20, status: 11, says: "gate: INCONCLUSIVE", shows: "INCONCLUSIVE" },
])(
  "a shadow $ratio times as slow for $seconds s: $says",
  ({ ratio, seconds, status, says, shows }) => {
    const file = join(folder, "samples.ndjson");
    const samples = traffic({ seed: 1, pairs: 2 * seconds, perSecond: 2, ratio });
    writeFileSync(file, samples.map((each) => `${JSON.stringify(each)}\n`).join(""));
    writeFileSync(join(folder, "summary.md"), "");
    const ended = gate("--samples", file);
    expect(ended.stderr).toContain(says);
    expect(ended.status).toBe(status);
    for (const name of ["umbra-report.html", "umbra-report.md", "umbra-report.xml"])
      expect([name, existsSync(join(folder, name))]).toEqual([name, true]);
    expect(readFileSync(join(folder, "summary.md"), "utf8")).toContain(shows);
  },
);

test("a sidecar that is not there is an error, not a verdict", () => {
  const { status, stderr } = gate("--admin", "127.0.0.1:1");
  expect(status).toBe(1);
  expect(stderr).toContain("gate: the report could not be made");
});

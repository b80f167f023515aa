import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";

const script = join(
  fileURLToPath(new URL("../..", import.meta.url)),
  "scripts/test-conformance.mjs",
);

function run(args, env) {
  return spawnSync(process.execPath, [script, ...args], { encoding: "utf8", env });
}

test("says what is missing where the conformance suites can't run, and passes", () => {
  const { status, stdout } = run([], { PATH: "/nowhere" });
  expect(stdout).toMatch(/^test:conformance: skipped: .+\n$/);
  expect(status).toBe(0);
});

test("names the runs when one is asked for that there is not", () => {
  const { status, stderr } = run(["--run", "mesh"], process.env);
  expect(stderr).toBe(
    '--run must be one of gateway-api, inference-extension-lwepp, inference-extension-umbra, not "mesh"\n',
  );
  expect(status).toBe(2);
});

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { umbra } from "./harness/processes.ts";

test.each([
  "--help",
  "render --primary 127.0.0.1:8000 --shadow 127.0.0.1:8001",
  "check --explain UMB0104",
])("umbra %s ends well when nobody reads what it prints", (args) => {
  const script = `set -o pipefail; "$0" "$1" ${args} | true`;
  const { status, stderr } = spawnSync("bash", ["-c", script, process.execPath, umbra], {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([0, ""]);
});

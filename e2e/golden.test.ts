import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { startProcess } from "./harness/processes.ts";
import { until } from "./harness/until.ts";

const folder = fileURLToPath(new URL("../envoy/", import.meta.url));
const envoy =
  process.env.ENVOY_BIN ?? fileURLToPath(new URL("../.cache/envoy/1.40.0/envoy", import.meta.url));

const bootstraps = readdirSync(folder)
  .map((name) => `${name}/envoy.yaml`)
  .filter((file) => existsSync(`${folder}${file}`));

test.each(bootstraps)("Envoy accepts %s without a warning", async (file) => {
  const validation = startProcess(envoy, "--mode", "validate", "-c", `${folder}${file}`);
  await until("the validation has ended", () => validation.process.exitCode !== null);
  expect(validation.output()).toContain("OK");
  expect(validation.output()).not.toMatch(/\[(warning|error|critical)\]/);
});

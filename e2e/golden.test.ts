import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { startProcess } from "./harness/processes.ts";
import { until } from "./harness/until.ts";

const folder = fileURLToPath(new URL("../envoy/", import.meta.url));
const envoy =
  process.env.ENVOY_BIN ?? fileURLToPath(new URL("../.cache/envoy/1.40.0/envoy", import.meta.url));

test.each(readdirSync(folder).filter((name) => name.endsWith(".yaml")))(
  "Envoy accepts %s without a warning",
  async (name) => {
    const validation = startProcess(envoy, "--mode", "validate", "-c", `${folder}${name}`);
    await until("the validation has ended", () => validation.process.exitCode !== null);
    expect(validation.output()).toContain("OK");
    expect(validation.output()).not.toMatch(/\[(warning|error|critical)\]/);
  },
);

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { readTopology, renderBootstrap } from "@umbra/envoy-config";
import fc from "fast-check";
import { parseAllDocuments } from "yaml";
import { propertyRuns } from "../testing/property-runs.ts";
import { startProcess } from "./harness/processes.ts";
import { randomOptions, randomResources } from "./harness/random-resources.ts";
import { until } from "./harness/until.ts";

const envoy =
  process.env.ENVOY_BIN ?? fileURLToPath(new URL("../.cache/envoy/1.40.0/envoy", import.meta.url));

/** A throwaway key and its certificate, of the golden case. */
const certificate = {
  ...(parseAllDocuments(
    readFileSync(new URL("../envoy/https/resources.yaml", import.meta.url), "utf8"),
  )
    .map((document) => document.toJSON() as { readonly kind: string })
    .find(({ kind }) => kind === "Secret") ?? {}),
  metadata: { name: "certificate" },
};

test("Envoy takes what is rendered of random resources without a warning, where umbra check finds no error", async () => {
  const folder = mkdtempSync(join(tmpdir(), "umbra-random-"));
  const file = join(folder, "envoy.yaml");
  const isAccepted = fc.asyncProperty(
    randomResources(certificate),
    randomOptions,
    async (resources, options) => {
      const text = resources.map((each) => JSON.stringify(each)).join("\n---\n");
      const read = readTopology([{ name: "resources.yaml", text }]);
      fc.pre(!read.diagnostics.some(({ severity }) => severity === "error"));
      const { topology, certificates } = read;
      writeFileSync(file, renderBootstrap(topology, { ...options, certificates }));
      const validation = startProcess(envoy, "--mode", "validate", "-c", file);
      await until("the validation has ended", () => validation.process.exitCode !== null);
      expect(validation.output()).not.toMatch(/\[(warning|error|critical)\]/);
      expect(validation.output()).toContain("OK");
    },
  );
  try {
    await fc.assert(isAccepted, {
      numRuns: propertyRuns(10, 100),
      interruptAfterTimeLimit: 60_000,
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 90_000);

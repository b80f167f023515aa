import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { runCommand } from "./run-command.ts";

const policy = join(mkdtempSync(join(tmpdir(), "umbra-plan-")), "policy.yaml");
writeFileSync(
  policy,
  `apiVersion: umbra.dev/v1alpha1
kind: ShadowPolicy
metadata: {name: preset}
spec:
  targetRefs: [{name: mirror-route}]
  evaluation: {minPairs: 4000, slo: {preset: llama2-70b}}
`,
);
const mirror = new URL("../../../examples/mirror", import.meta.url).pathname;

test("plans the gates of the ShadowPolicy, that of its SLO preset too", async () => {
  const plain = await runCommand(["plan", "--rate", "20"]);
  expect(plain.stdout).not.toMatch(/slo/);
  const { status, stdout, stderr } = await runCommand([
    ...["plan", "--rate", "20", "-f", mirror, "-f", policy],
  ]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(/slo/);
});

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

test("plans the gates of the ShadowPolicy and of its SLO preset", async () => {
  const plain = await runCommand(["plan", "--rate", "20"]);
  expect(plain.stdout).not.toMatch(/ slo /);
  const { status, stdout, stderr } = await runCommand([
    ...["plan", "--rate", "20", "-f", mirror, "-f", policy],
  ]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(/ slo /);
});

test("checks the budget against the traffic", async () => {
  const { stdout } = await runCommand(["plan", "--rate", "1.5", "--e2e", "20"]);
  expect(stdout).toContain(
    "with a mean E2E of 20 s and 1.5 mirrored requests/s, 9.6 % are dropped by maxInFlight 32: set maxInFlight to 42",
  );
});

test("reports a budget that ends before there are enough pairs", async () => {
  const { stdout } = await runCommand(["plan", "--rate", "0.2"]);
  expect(stdout).toContain("about 1440 of 2000 pairs: raise the percentage or maxDuration");
});

test("estimates the spread of the traffic from samples and reports their number", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "umbra-plan-")), "primary.ndjson");
  const primary = { status: 200, class: "ok", stream: true, ttft: 100, e2e: 20_000 };
  const lines = Array.from({ length: 300 }, (_, i) =>
    JSON.stringify({
      ...{ v: 1, id: `r${i}`, t0: 1_767_225_600_000 + i * 1_000, route: "a/b", candidate: "a/c" },
      ...{ mirrored: false, primary: { ...primary, ttft: 100 + (i % 7) }, shadow: null },
    }),
  );
  writeFileSync(file, lines.join("\n"));
  const { stdout, stderr, status } = await runCommand([
    ...["plan", "--rate", "1.5", "--samples", file, "-o", "json"],
  ]);
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: "using the profile of 300 measured requests\n",
  });
  expect(JSON.parse(stdout)).toMatchObject({
    profile: { e2eS: 20, streamedShare: 1 },
    problems: [{ severity: "error", remedy: "set maxInFlight to 42" }],
  });
});

test("reports that a PASS is impossible with too few pairs at the horizon", async () => {
  const { stdout } = await runCommand(["plan", "--rate", "0.9"]);
  expect(stdout).toContain(
    "A PASS is impossible: the horizon gives fewer pairs than minPairs (2000).",
  );
  expect(stdout).toMatch(/For a chance of 80 %, set the horizon to about \d+ min/);
  expect(stdout).not.toContain("Estimated chance that equal lanes pass");
});

test("requires a rate", async () => {
  const { status, stderr } = await runCommand(["plan"]);
  expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining("give --rate") });
});

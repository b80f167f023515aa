import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { readTopology } from "@umbra/envoy-config";

/** A route with mirrors and its pools. */
const base = readFileSync(
  new URL("../../../envoy/shadow-policy/resources.yaml", import.meta.url),
  "utf8",
)
  .split("\n---\n")
  .filter((document) => !document.includes("kind: ShadowPolicy"))
  .join("\n---\n");

/** Reads the base resources with a policy that has this spec. */
function read(spec: string) {
  const policy = `
---
apiVersion: umbra.dev/v1alpha1
kind: ShadowPolicy
metadata: {name: policy}
spec:
  targetRefs: [{name: mirror-route}]
${spec}
`;
  const { topology, diagnostics } = readTopology([{ name: "a.yaml", text: `${base}${policy}` }]);
  const found = diagnostics.filter(({ code }) => /^UMB0(104|214|215)$/.test(code));
  return {
    mirror: topology.mirrors.find((each) => each.policy !== undefined),
    found: found.map(({ code, severity, line }) => ({
      code,
      severity,
      hasLine: line !== undefined,
    })),
  };
}

describe("the cost of an evaluation", () => {
  test("comes from the policy, for a replica of each lane", () => {
    const { mirror, found } = read(
      "  evaluation: {cost: {primary: {gpus: 2, costPerHour: 4.1}, shadow: {gpus: 1}}}",
    );
    expect(mirror?.evaluation.cost).toEqual({
      primary: { gpus: 2, costPerHour: 4.1 },
      shadow: { gpus: 1 },
    });
    expect(found).toEqual([]);
  });

  test("must not be negative", () => {
    const { found } = read("  evaluation: {cost: {primary: {gpus: -2}}}");
    expect(found).toEqual([{ code: "UMB0104", severity: "error", hasLine: true }]);
  });
});

describe("how answers are compared", () => {
  test("comes from the policy, and what it does not set has a default", () => {
    const { mirror, found } = read(
      "  evaluation: {outputs: {maxTextBytes: 2048, similarity: 'off', refusal: {phrases: [Tut mir leid]}}}",
    );
    expect(mirror?.evaluation.comparison).toEqual({
      ...{ mode: "numbers", maxTextBytes: 2_048, maxHeldBytes: 67_108_864, stripsReasoning: true },
      ...{ similarity: "off", checksSchemas: true, refusalPhrases: ["Tut mir leid"] },
    });
    expect(found).toEqual([]);
  });

  test.each([
    { name: "an unknown mode", outputs: "mode: texts" },
    { name: "less text than a page", outputs: "maxTextBytes: 10" },
    { name: "more memory than a GiB", outputs: "maxHeldBytes: 2000000000" },
    { name: "an empty phrase", outputs: "refusal: {phrases: ['']}" },
  ])("must not be $name", ({ outputs }) => {
    const { found } = read(`  evaluation: {outputs: {${outputs}}}`);
    expect(found).toEqual([{ code: "UMB0104", severity: "error", hasLine: true }]);
  });

  test("can have other margins of its gates", () => {
    const { mirror, found } = read("  evaluation: {gates: {out.refusal: {margin: 0.02}}}");
    expect(mirror?.evaluation.gates).toEqual({ "out.refusal": { margin: 0.02 } });
    expect(found).toEqual([]);
  });
});

describe("the requirements of an evaluation", () => {
  test.each([
    { name: "the defaults", spec: "  sampling: {percent: 10}", want: [] },
    {
      name: "a horizon of a minute",
      spec: "  evaluation: {horizon: 1m, warmup: 0s}",
      want: [{ code: "UMB0214", severity: "error", hasLine: true }],
    },
    {
      name: "a longer horizon has a longer default budget",
      spec: "  evaluation: {horizon: 4h}",
      want: [],
    },
    {
      name: "fewer requests than pairs",
      spec: "  budget: {maxRequests: 100}\n  evaluation: {sameModel: true}",
      want: [{ code: "UMB0214", severity: "error", hasLine: true }],
    },
    {
      name: "fewer requests than pairs, without evaluation settings",
      spec: "  budget: {maxRequests: 100}",
      want: [{ code: "UMB0215", severity: "warning", hasLine: true }],
    },
    {
      name: "a budget that ends with the horizon",
      spec: "  budget: {maxDuration: 30m}",
      want: [{ code: "UMB0215", severity: "warning", hasLine: true }],
    },
  ])("$name", ({ spec, want }) => {
    expect(read(spec).found).toEqual(want);
  });
});

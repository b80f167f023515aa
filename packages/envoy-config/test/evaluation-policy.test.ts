import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { evaluationSettings, readTopology } from "@umbra/envoy-config";

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

describe("the percent of a control", () => {
  const candidates = (more: string) =>
    `  candidates: [{backendRef: {name: pool-control}, ${more}}]`;

  test("comes from the policy, and is a setting of the candidate's evaluation", () => {
    const { mirror, found } = read(candidates("role: control, percent: 12.5"));
    expect(mirror).toMatchObject({ role: "control", percentOfMirrored: 12.5 });
    expect(found).toEqual([]);
    const candidate = read("  evaluation: {}").mirror;
    expect(candidate && evaluationSettings(candidate, mirror)).toMatchObject({
      controlPercent: 12.5,
    });
    expect(candidate && evaluationSettings(candidate)).not.toHaveProperty("controlPercent");
  });

  test.each([
    { name: "for a candidate", more: "percent: 10" },
    { name: "of 0", more: "role: control, percent: 0" },
    { name: "above 100", more: "role: control, percent: 101" },
  ])("is refused $name", ({ more }) => {
    expect(read(candidates(more)).found).toEqual([
      { code: "UMB0104", severity: "error", hasLine: true },
    ]);
  });
});

describe("settings of an evaluation", () => {
  const hashOf = (outputs: string) => {
    const { mirror } = read(`  evaluation: {outputs: {${outputs}}}`);
    return mirror && evaluationSettings(mirror).outputs?.comparisonHash;
  };

  test("have a hash of how answers are compared, unless that has its defaults", () => {
    expect(hashOf("")).toBeUndefined();
    expect(hashOf("mode: numbers, maxTextBytes: 65536")).toBeUndefined();
    expect(hashOf("similarity: 'off'")).toMatch(/^[0-9a-f]{16}$/);
    expect(hashOf("similarity: 'off'")).toBe(hashOf("mode: numbers, similarity: 'off'"));
  });

  test.each([
    "mode: 'off'",
    "maxTextBytes: 2048",
    "stripReasoning: false",
    "similarity: 'off'",
    "schema: false",
    "refusal: {phrases: [Tut mir leid]}",
  ])("change with %s", (outputs) => {
    expect(hashOf(outputs)).not.toBe(hashOf(""));
  });

  test("do not change with the bound on memory", () => {
    expect(hashOf("maxHeldBytes: 1048576")).toBeUndefined();
  });
});

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
function read(spec: string, more = "") {
  const policy = `
---
apiVersion: umbra.dev/v1alpha1
kind: ShadowPolicy
metadata: {name: policy}
spec:
  targetRefs: [{name: mirror-route}]
${spec}
`;
  const { topology, diagnostics } = readTopology([
    { name: "a.yaml", text: `${base}${policy}${more}` },
  ]);
  const of = (codes: RegExp) =>
    diagnostics
      .filter(({ code }) => codes.test(code))
      .map(({ code, severity, line }) => ({ code, severity, hasLine: line !== undefined }));
  return {
    mirror: topology.mirrors.find((each) => each.policy !== undefined),
    found: of(/^UMB0(104|214|215)$/),
    agreement: of(/^UMB021[78]$/),
    judges: diagnostics.filter(({ code }) => code === "UMB0219").map(({ message }) => message),
    messages: diagnostics.filter(({ code }) => code === "UMB0217").map(({ message }) => message),
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
      logprobs: "ifPresent",
    });
    expect(found).toEqual([]);
  });

  test("can know refusals by a header of answers, which Envoy then shows to the sidecar", () => {
    const { mirror, found } = read(
      "  evaluation: {outputs: {refusal: {header: X-Guard, lexicon: en-1}}}",
    );
    expect(mirror?.evaluation.comparison).toMatchObject({
      ...{ refusalHeader: "x-guard", refusalPhrases: [] },
    });
    expect(found).toEqual([]);
    const none = read("  evaluation: {outputs: {refusal: {header: ''}}}");
    expect(none.mirror?.evaluation.comparison).not.toHaveProperty("refusalHeader");
    expect(none.found).toEqual([]);
  });

  test.each([
    { name: "an unknown mode", outputs: "mode: texts" },
    { name: "unknown log probabilities", outputs: "logprobs: all" },
    { name: "less text than a page", outputs: "maxTextBytes: 10" },
    { name: "more memory than a GiB", outputs: "maxHeldBytes: 2000000000" },
    { name: "an empty phrase", outputs: "refusal: {phrases: ['']}" },
    { name: "a refusal by no header", outputs: "refusal: {header: 'x y'}" },
    { name: "a refusal by a pseudo header", outputs: "refusal: {header: ':status'}" },
    { name: "a refusal by a cookie", outputs: "refusal: {header: Set-Cookie}" },
    { name: "a refusal by a client's cookie", outputs: "refusal: {header: Cookie}" },
    { name: "a refusal by a client's credentials", outputs: "refusal: {header: Authorization}" },
    { name: "a refusal by a client's API key", outputs: "refusal: {header: X-Api-Key}" },
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

describe("gates about agreement", () => {
  const control = "  candidates: [{backendRef: {name: shadow}, role: control}]\n";
  const warning = { code: "UMB0217", severity: "warning", hasLine: true };

  test.each([
    {
      name: "are a warning if one is required, and there is no control",
      spec: "  evaluation: {gates: {out.exact: {required: true}, out.sim: {required: false}}}",
      want: [warning],
    },
    {
      name: "are a warning each",
      spec: "  evaluation: {sameModel: true, gates: {out.tools: {required: true}, out.sim: {required: true}}}",
      want: [warning, warning],
    },
    {
      name: "are nothing if the model is the same: without a control, none is required then",
      spec: "  evaluation: {sameModel: true}",
      want: [],
    },
    {
      name: "are nothing with a control",
      spec: `${control}  evaluation: {sameModel: true, gates: {out.exact: {required: true}}}`,
      want: [],
    },
    {
      name: "are nothing if another gate is required",
      spec: "  evaluation: {gates: {out.refusal: {required: true}}}",
      want: [],
    },
    {
      name: "need no log probabilities of another model",
      spec: "  evaluation: {outputs: {logprobs: shadow}}",
      want: [{ ...warning, code: "UMB0218" }],
    },
    {
      name: "may have log probabilities of the same model",
      spec: `${control}  evaluation: {sameModel: true, outputs: {logprobs: shadow}}`,
      want: [],
    },
    {
      name: "need no control if no answers are compared",
      spec: "  evaluation: {sameModel: true, outputs: {mode: 'off'}}",
      want: [],
    },
  ])("$name", ({ spec, want }) => {
    expect(read(spec)).toMatchObject({ found: [], agreement: want });
  });

  test("are a warning with a control too, if one is required and no answers are compared", () => {
    const spec = "  evaluation: {outputs: {mode: 'off'}, gates: {out.sim: {required: true}}}";
    const words =
      "`out.sim` is required, but `outputs.mode` is `off`: it is never judged, because no answers are compared";
    expect(read(`${control}${spec}`)).toMatchObject({
      ...{ found: [], agreement: [warning], messages: [words] },
    });
    expect(read(spec).messages).toEqual([words]);
  });
});

describe("a judge that serves a pool", () => {
  const more = `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: other}
spec:
  parentRefs: [{name: gateway}]
  rules: [{matches: [{path: {type: PathPrefix, value: /other}}], backendRefs: [{name: svc, port: 80}]}]
---
apiVersion: v1
kind: Service
metadata: {name: svc, annotations: {umbra.dev/endpoints: "10.0.3.1:8000"}}
spec: {ports: [{port: 80}]}
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: model}
spec:
  modelName: alias
  targetModels: [{name: real, weight: 1}]
  poolRef: {group: inference.networking.k8s.io, kind: InferencePool, name: pool-a}
`;
  const judged = (endpoint: string, model: string) =>
    read(
      `  evaluation: {outputs: {judge: {consent: true, endpoint: "${endpoint}", model: "${model}"}}}`,
      more,
    );
  const path = "/v1/chat/completions";

  test.each([
    {
      name: "by an endpoint's address",
      host: "10.0.1.1:8000",
      model: "judge",
      says: /is never asked: its endpoint 10\.0\.1\.1:8000 is one of pool/,
    },
    {
      name: "by its Service's name, whose cluster IP the sidecar does not know",
      host: "svc.default.svc",
      model: "judge",
      says: /may serve pool "service:default\/svc:80": its endpoint svc\.default\.svc:443 has the name of this Service/,
    },
    {
      name: "by the name of a model",
      host: "judge.example",
      model: "real",
      says: /is never asked: pool "default\/pool-a" serves this model/,
    },
  ])("is found in the files: $name", ({ host, model, says }) => {
    expect(judged(`https://${host}${path}`, model).judges).toEqual([expect.stringMatching(says)]);
  });

  test.each(["judge", "alias"])("is not another model at another endpoint: %s", (model) => {
    expect(judged(`https://judge.example${path}`, model)).toMatchObject({ found: [], judges: [] });
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

  test("name the mode in which answers are sketched, which is another evaluation", () => {
    const { mirror } = read("  evaluation: {outputs: {mode: sketch}}");
    expect(mirror && evaluationSettings(mirror).outputs).toEqual({
      ...{ mode: "sketch", comparisonHash: expect.stringMatching(/^[0-9a-f]{16}$/) },
    });
  });

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
    "logprobs: shadow",
    "refusal: {phrases: [Tut mir leid]}",
  ])("change with %s", (outputs) => {
    expect(hashOf(outputs)).not.toBe(hashOf(""));
  });

  test("do not change with the bound on memory", () => {
    expect(hashOf("maxHeldBytes: 1048576")).toBeUndefined();
  });
});

describe("a model as judge", () => {
  const sound =
    "consent: true, endpoint: https://judge.internal/v1/chat/completions, model: judge-large";
  const of = (judge: string, outputs = "") =>
    read(`  evaluation: {outputs: {${outputs}judge: {${judge}}}}`);

  test("comes from the policy, and what it does not set has a default", () => {
    const { mirror, found } = of(sound);
    expect(found).toEqual([]);
    expect(mirror?.evaluation.judge).toEqual({
      ...{ endpoint: "https://judge.internal/v1/chat/completions", model: "judge-large" },
      ...{ rubric: "", sample: { near: 0.02, far: 0.2 }, maxCalls: 2_000, margin: 0.05 },
      maxPromptTokens: 8_192,
    });
    const more = of(
      `${sound}, apiKeySecretRef: {name: judge}, sample: {far: 1}, maxTokens: 5000, maxCostUsd: 2, pricePerMTokens: {prompt: 0.5, completion: 2}, perMinute: 60, rubric: Prefer rhymes, required: false, margin: 0.1`,
    );
    expect(more.found).toEqual([]);
    expect(more.mirror?.evaluation.judge).toMatchObject({
      apiKey: { namespace: "default", secret: "judge", entry: "token" },
      ...{ sample: { near: 0.02, far: 1 } },
      ...{ maxTokens: 5_000, maxCostUsd: 2, perMinute: 60, rubric: "Prefer rhymes" },
    });
  });

  test("is part of the evaluation's settings", () => {
    const settings = (judge: string) => {
      const { mirror } = of(judge);
      return mirror && evaluationSettings(mirror).outputs;
    };
    expect(settings(`${sound}, required: false`)?.judge).toEqual({
      ...{ margin: 0.05, sample: { near: 0.02, far: 0.2 }, required: false },
    });
    const hashes = ["", ", rubric: Prefer rhymes", ", maxPromptTokens: 300"].map(
      (more) => settings(sound + more)?.comparisonHash,
    );
    expect(new Set(hashes).size).toBe(3);
    // What it may cost changes how many pairs are judged, not how.
    expect(settings(`${sound}, maxCalls: 10`)?.comparisonHash).toBe(hashes[0]);
  });

  test.each<{ name: string; judge: string; outputs?: string }>([
    {
      name: "with a longer rubric than the API server allows",
      judge: `${sound}, rubric: ${"é".repeat(4_097)}`,
    },
    { name: "with a longer name than any model's", judge: sound.replace("large", "x".repeat(253)) },
    { name: "without consent", judge: sound.replace("consent: true, ", "") },
    { name: "with consent refused", judge: sound.replace("true", "false") },
    { name: "over plain HTTP", judge: sound.replace("https", "http") },
    { name: "with a password in its URL", judge: sound.replace("//", "//u:p@") },
    { name: "without a path", judge: sound.replace("/v1/chat/completions", "") },
    { name: "at a port that can't be", judge: sound.replace(".internal", ":99999") },
    { name: "at a host that can't be", judge: sound.replace(".internal", "<a>") },
    {
      name: "at another page of this machine",
      judge: sound.replace(
        "https://judge.internal/v1/chat/completions",
        "http://127.0.0.1:19000/quitquitquit",
      ),
    },
    {
      name: "at another page with a query",
      judge: sound.replace("/v1/chat/completions", "/quitquitquit?/chat/completions"),
    },
    ...["http://127.0.0.1:9901", "http://[::1]:9901", "http://localhost:9090"].map((own) => ({
      name: `at ${own}, an interface of Envoy or the sidecar`,
      judge: sound.replace(/https:[^,]+/, `"${own}/v1/chat/completions"`),
    })),
    {
      name: "at a cloud's metadata service, as a number",
      judge: sound.replace("judge.internal", "2852039166"),
    },
    { name: "that costs without prices", judge: `${sound}, maxCostUsd: 5` },
    { name: "of no share", judge: `${sound}, sample: {far: 0}` },
    { name: "with a path for a Secret", judge: `${sound}, apiKeySecretRef: {name: ../etc}` },
    {
      name: "with a path for a key",
      judge: `${sound}, apiKeySecretRef: {name: judge, key: ../passwd}`,
    },
    { name: "with texts off", judge: sound, outputs: "mode: 'off', " },
    { name: "without similarity", judge: sound, outputs: "similarity: 'off', " },
  ])("is refused $name", ({ judge, outputs }) => {
    expect(of(judge, outputs).found).toEqual([
      { code: "UMB0104", severity: "error", hasLine: true },
    ]);
  });

  test("may be asked on this machine over plain HTTP", () => {
    const { found } = of(sound.replace("https://judge.internal", "http://127.0.0.1:8000"));
    expect(found).toEqual([]);
  });
});

describe("segments", () => {
  const of = (segments: string) => read(`  evaluation: {outputs: {segments: {${segments}}}}`);

  test("come from the policy into the evaluation's settings", () => {
    const { mirror, found } = of("by: [shape, model], minPairs: 500, q: 0.05, effect: warn");
    expect(found).toEqual([]);
    expect(mirror && evaluationSettings(mirror).outputs?.segments).toEqual({
      ...{ by: ["shape", "model"], minPairs: 500, q: 0.05, effect: "warn" },
    });
  });

  test.each(["by: [colour]", "minPairs: 5", "q: 0.9", "effect: stop"])("refuse %s", (segments) => {
    expect(of(segments).found).toEqual([{ code: "UMB0104", severity: "error", hasLine: true }]);
  });
});

import { describe, expect, test } from "@jest/globals";
import { createPool, type ModelServerMetrics } from "@umbra/scheduler";
import { pathText, readPickerConfig } from "@umbra/scheduler/config";
import { parse } from "yaml";
import { metrics } from "./fixtures.ts";

const head = `apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: EndpointPickerConfig
`;
/** The built-in configuration of the reference endpoint picker. */
const reference = `${head}plugins:
- type: queue-scorer
- type: kv-cache-utilization-scorer
- name: prefix
  type: prefix-cache-scorer
- type: max-score-picker
- type: single-profile-handler
- type: utilization-detector
- type: openai-parser
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: queue-scorer
    weight: 2
  - pluginRef: kv-cache-utilization-scorer
    weight: 2
  - pluginRef: prefix
    weight: 3
  - pluginRef: max-score-picker
`;

/** Problems as lines: path, then message. */
function problemsOf(text: string): readonly string[] {
  const read = readPickerConfig(parse(text));
  return read.ok ? [] : read.problems.map(({ path, message }) => `${pathText(path)} ${message}`);
}

function sound(text: string) {
  const read = readPickerConfig(parse(text));
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.config;
}

/** A pool of two endpoints with the configuration. */
function poolOf(text: string, known: readonly Partial<ModelServerMetrics>[] = [{}, {}]) {
  const pool = createPool({
    name: "pool",
    now: () => 0,
    random: () => 0,
    ...sound(text).poolOptions(),
  });
  pool.setEndpoints(
    known.map((_, i) => ({ address: `10.0.0.${i + 1}:1`, labels: { tier: `${i + 1}` } })),
  );
  for (const [i, each] of known.entries()) pool.recordScrape(`10.0.0.${i + 1}:1`, metrics(each), 0);
  return pool;
}

describe("an EndpointPickerConfig", () => {
  test("of the reference picks by its weights", () => {
    const pool = poolOf(reference, [{ kvCacheUsage: 0.5 }, { waitingRequests: 1 }]);
    const { scorers, totals, picker, profile } = pool.explain({ model: "m" });
    expect(scorers.map(({ name, weight }) => [name, weight])).toEqual([
      ["queue", 2],
      ["kv-cache", 2],
      ["prefix-cache", 3],
    ]);
    expect(totals.map(({ score }) => score)).toEqual([3, 2]);
    expect([picker, profile]).toEqual(["max-score", "default"]);
  });

  test.each([
    { name: "nothing but scorers and a picker", own: "" },
    { name: "the preferences as well", own: "- engine-ready-filter\n- circuit-broken-filter" },
  ])("avoids sleeping and failing endpoints: it names $name", ({ own }) => {
    const types = [...own.matchAll(/[a-z-]+filter/g), ["queue-scorer"], ["max-score-picker"]];
    const refs = types.map(([type]) => `  - pluginRef: ${type}\n`).join("");
    const plugins = types.map(([type]) => `- type: ${type}\n`).join("");
    const text = `${head}plugins:\n${plugins}schedulingProfiles:\n- plugins:\n${refs}`;
    const request = { model: "m" };
    const asleep = poolOf(text, [{ state: "asleep" }, { waitingRequests: 2 }]);
    expect(asleep.explain(request).picked).toBe("10.0.0.2:1");
    expect(asleep.explain(request).filters.map(({ name }) => name)).toEqual([
      "engine-ready",
      "circuit-broken",
    ]);
    const failing = poolOf(text, [{}, { waitingRequests: 2 }]);
    expect(failing.explain(request).picked).toBe("10.0.0.1:1");
    for (let i = 0; i < 5; i++) failing.recordAnswer("10.0.0.1:1", { status: 500 });
    expect(failing.explain(request).picked).toBe("10.0.0.2:1");
  });

  test("picks a failing endpoint if its labels allow no other", () => {
    const text = `${head}plugins:
- {type: least-queue-filter}
- {type: by-label, parameters: {label: tier, validValues: ["1"]}}
schedulingProfiles:
- plugins: [{pluginRef: least-queue-filter}, {pluginRef: by-label}]`;
    const pool = poolOf(text, [{ state: "asleep", waitingRequests: 9 }, {}]);
    for (let i = 0; i < 5; i++) pool.recordAnswer("10.0.0.1:1", { status: 500 });
    expect(pool.explain({ model: "m" }).picked).toBe("10.0.0.1:1");
  });

  test("without plugins and profiles uses the default profile", () => {
    expect(poolOf("kind: EndpointPickerConfig").explain({ model: "m" }).profile).toBe("default");
    expect(sound("kind: EndpointPickerConfig").flow).toBeUndefined();
  });

  test("accepts every plugin with its parameters", () => {
    const plugins = `plugins:
- {type: label-selector-filter, parameters: {matchLabels: {tier: "1"}}}
- {type: low-queue-filter, parameters: {threshold: 3}}
- {type: lora-affinity-filter, parameters: {threshold: 0.9}}
- {type: least-queue-filter}
- {type: least-kv-cache-filter}
- {type: sheddable-capacity-filter, parameters: {queueThreshold: 3, kvCacheThreshold: 0.5}}
- {type: prefix-cache-affinity-filter, parameters: {affinityThreshold: 0.7}}
- {type: fresh-metrics-filter}
- {type: engine-ready-filter}
- {type: circuit-broken-filter}
- {type: adapter-room-filter}
- {type: max-in-flight-filter, parameters: {maxRequests: 7}}
- {name: mif, type: max-in-flight-filter}
- {type: queue-scorer}
- {type: running-requests-size-scorer}
- {type: kv-cache-utilization-scorer}
- {type: lora-affinity-scorer}
- {type: load-aware-scorer, parameters: {threshold: 64}}
- {type: active-request-scorer, parameters: {idleThreshold: 1, maxBusyScore: 0.5, requestTimeout: 1m}}
- {type: token-load-scorer, parameters: {queueThresholdTokens: 1000}}
- {type: prefix-cache-scorer, parameters: {matchLengthWeight: 0.1, matchLengthScaleTokens: 100}}
- {type: no-hit-lru-scorer, parameters: {lruSize: 10}}
- {type: session-affinity-scorer}
- {type: latency-scorer}
- {type: expected-work-scorer, parameters: {tokensPerRequest: 100, tokensPerAdapterLoad: 5, tokensPerFullCache: 1}}
`;
    const refs = (parse(plugins) as { plugins: { name?: string; type: string }[] }).plugins.map(
      ({ name, type }) => `  - pluginRef: ${name ?? type}\n`,
    );
    const pool = poolOf(
      `${plugins}schedulingProfiles:\n- name: all\n  plugins:\n${refs.join("")}`,
      [{}, {}],
    );
    const one = pool.explain({ model: "m" });
    expect(one.filters.map(({ name }) => name)).toEqual([
      "label:tier",
      "engine-ready",
      "circuit-broken",
      "low-queue",
      "lora-affinity",
      "least-queue",
      "least-kv-cache",
      "sheddable-capacity",
      "prefix-affinity",
      "fresh-metrics",
      "adapter-room",
      "max-in-flight",
      "max-in-flight",
    ]);
    const two = poolOf(
      `${plugins}schedulingProfiles:\n- plugins:\n${refs.slice(1).join("")}`,
    ).explain({ model: "m" });
    expect(two.scorers.map(({ name }) => name)).toEqual([
      "queue",
      "running-requests",
      "kv-cache",
      "lora-affinity",
      "load-aware",
      "in-flight",
      "token-load",
      "prefix-cache",
      "no-hit-lru",
      "session-affinity",
      "latency",
      "expected-work",
    ]);
  });

  test.each([
    ["max-score-picker", "max-score"],
    ["random-picker", "random"],
    ["weighted-random-picker", "weighted-random"],
    ["power-of-two-picker", "power-of-two"],
    ["top-k-picker", "top-3"],
    ["default-profile", "max-score"],
    ["decision-tree-profile", "random"],
  ])("%s is %s", (type, want) => {
    const pool = poolOf(
      `plugins: [{type: ${type}}]\nschedulingProfiles: [{plugins: [{pluginRef: ${type}}]}]`,
    );
    expect(pool.explain({ model: "m" }).picker).toBe(want);
  });

  test("the decision tree sheds by itself: an endpoint with room serves a sheddable request of a saturated pool", () => {
    const known = [
      { waitingRequests: 4, kvCacheUsage: 0.2 },
      { waitingRequests: 0, kvCacheUsage: 0.85 },
      { waitingRequests: 10, kvCacheUsage: 0.9 },
    ];
    const tree =
      "plugins: [{type: decision-tree-profile}, {type: utilization-detector}]\nschedulingProfiles: [{plugins: [{pluginRef: decision-tree-profile}]}]";
    const request = { model: "m", criticality: "Sheddable" } as const;
    expect(poolOf(tree, known).pick(request)).toMatchObject({ ok: true, endpoint: "10.0.0.1:1" });
    const [first, ...others] = known;
    const full = [{ ...first, waitingRequests: 6 }, ...others];
    expect(poolOf(tree, full).pick(request)).toMatchObject({ ok: false, code: "SHED" });
    const detected = `${tree}\nsaturationDetector: {pluginRef: utilization-detector}`;
    expect(poolOf(detected, known).pick(request)).toMatchObject({ ok: false, code: "SHED" });
  });

  test("returns as many endpoints as its picker allows", () => {
    const text = "plugins: [{type: max-score-picker, parameters: {maxNumOfEndpoints: 1}}]";
    expect(sound(text).poolOptions().maxFallbacks).toBe(0);
    expect(sound(reference).poolOptions()).not.toHaveProperty("maxFallbacks");
  });

  test.each([
    [
      "{blockSizeTokens: 16, maxPrefixTokensToMatch: 4096, lruCapacityPerServer: 500, autoTune: false}",
      { blockTokens: 64, maxPromptTokens: 4_096, blocksPerEndpoint: 500 },
    ],
    [
      "{blockSizeTokens: 128, maxPrefixBlocksToMatch: 10}",
      { blockTokens: 128, maxPromptTokens: 1_280 },
    ],
    ["{maxPrefixTokensToMatch: 0, maxPrefixBlocksToMatch: 10}", { maxPromptTokens: 640 }],
    ["{}", {}],
  ])("%s sets the prefix index", (parameters, want) => {
    for (const type of ["approx-prefix-cache-producer", "prefix-cache-scorer"]) {
      const text = `plugins: [{type: ${type}, parameters: ${parameters}}]`;
      expect(sound(text).poolOptions().prefix).toEqual(want);
    }
  });

  test("chooses profiles by header, and decode without a header", () => {
    const text = `plugins: [{type: header-profile-handler}, {type: random-picker}]
schedulingProfiles: [{name: fast}, {name: decode, plugins: [{pluginRef: random-picker}]}]`;
    const pool = poolOf(text);
    const profileOf = (attributes = {}) => pool.explain({ model: "m", attributes }).profile;
    expect(profileOf({ "epp-profile": "fast" })).toBe("fast");
    expect(profileOf()).toBe("decode");
    expect(profileOf({ "epp-profile": "unknown" })).toBe("decode");
    const other = poolOf(text.replace("decode", "slow"));
    expect(other.explain({ model: "m" }).profile).toBe("fast");
  });

  test("chooses profiles by criticality and attributes", () => {
    const pool = poolOf(`schedulingProfiles:
- {name: urgent, when: {criticality: [Critical]}}
- {name: eu, when: {attributes: {region: eu}}}
- {name: rest}`);
    const profileOf = (more: object) => pool.explain({ model: "m", ...more }).profile;
    expect(profileOf({ criticality: "Critical" })).toBe("urgent");
    expect(profileOf({ attributes: { region: "eu" } })).toBe("eu");
    expect(profileOf({})).toBe("rest");
    const standard = poolOf(
      "schedulingProfiles: [{name: standard, when: {criticality: [Standard]}}]",
    );
    expect(standard.explain({ model: "m" }).profile).toBe("standard");
  });

  test.each([
    [
      "saturationDetector: {queueDepthThreshold: 10, kvCacheUtilThreshold: 0.5, metricsStalenessThreshold: 200ms}",
      0.2,
    ],
    [
      "plugins: [{type: concurrency-detector, parameters: {maxConcurrency: 1, maxTokenConcurrency: 1}}]\nsaturationDetector: {pluginRef: concurrency-detector}",
      0,
    ],
    [
      "plugins: [{type: utilization-detector, parameters: {queueDepthThreshold: 4, headroom: 0}}]\nflowControl: {saturationDetector: {pluginRef: utilization-detector}}",
      0.5,
    ],
    ["kind: EndpointPickerConfig", 0.4],
  ])("%s detects saturation", (text, want) => {
    expect(poolOf(text, [{ waitingRequests: 2 }]).saturation()).toBeCloseTo(want);
  });

  test("a pool with a queue counts requests sent since the scrape as waiting", () => {
    const detector = "plugins: [{type: utilization-detector}]";
    const flow =
      "featureGates: [flowControl]\nflowControl: {saturationDetector: {pluginRef: utilization-detector}}";
    for (const [text, want] of [
      [`${detector}\n${flow}`, 0.4],
      ["featureGates: [flowControl]", 0.4],
      [detector, 0],
    ] as const) {
      const pool = poolOf(text, [{}]);
      pool.pick({ model: "base" });
      pool.pick({ model: "base" });
      expect(pool.saturation()).toBeCloseTo(want);
    }
  });

  test("reads the queue's settings", () => {
    const flow = `featureGates: [flowControl]
plugins: [{type: round-robin-fairness-policy}, {type: global-strict-fairness-policy}, {type: fcfs-ordering-policy}, {type: edf-ordering-policy}, {name: slo, type: slo-deadline-ordering-policy}]
flowControl:
  maxBytes: 10Gi
  maxRequests: 1k
  defaultRequestTTL: 1m30s
  noEndpointRequestTTL: "0"
  defaultPriorityBand: {maxRequests: 500, fairnessPolicyRef: round-robin-fairness-policy, orderingPolicyRef: slo}
  defaultNegativePriorityBand: {maxBytes: 1M}
  priorityBands:
  - {priority: 10, fairnessPolicyRef: global-strict-fairness-policy, orderingPolicyRef: edf-ordering-policy}
  - {priority: -1, orderingPolicyRef: fcfs-ordering-policy}
  enableEviction: false
`;
    expect(sound(flow).flow).toEqual({
      maxBytes: 10 * 2 ** 30,
      maxRequests: 1_000,
      ttlMs: 90_000,
      noEndpointTtlMs: Number.POSITIVE_INFINITY,
      defaultBand: { maxRequests: 500, fairness: "round-robin", ordering: "edf" },
      defaultNegativeBand: { maxBytes: 1_000_000 },
      bands: [
        { priority: 10, fairness: "strict", ordering: "edf" },
        { priority: -1, ordering: "fcfs" },
      ],
    });
    expect(sound(flow.replace("[flowControl]", "[]")).flow).toBeUndefined();
  });

  test.each([
    ["", [" is empty: expected an EndpointPickerConfig"]],
    [
      "apiVersion: v1",
      ["apiVersion must be llm-d.ai/v1alpha1 or inference.networking.x-k8s.io/v1alpha1"],
    ],
    [
      "apiVersion: 7",
      [
        "apiVersion must be a string",
        "apiVersion must be llm-d.ai/v1alpha1 or inference.networking.x-k8s.io/v1alpha1",
      ],
    ],
    ["[]", [" must be a map"]],
    [
      "pluggins: []",
      [
        "pluggins is not known here: known fields are apiVersion, kind, metadata, featureGates, plugins, schedulingProfiles, requestHandler, dataLayer, flowControl, saturationDetector, parser",
      ],
    ],
    [
      "plugins: [{type: label-selector-filter, parameters: {matchLabels: {tier: 5}}}]",
      ["plugins[0].parameters.matchLabels.tier must be a string"],
    ],
    ["plugins: {}", ["plugins must be a list"]],
    ["plugins: [{name: x}]", ["plugins[0] has no `type`"]],
    ["plugins: [{type: 7}]", ["plugins[0].type must be a string"]],
    [
      "plugins: [{type: random-picker}, {type: random-picker}]",
      ["plugins[1] repeats the plugin name `random-picker`: names must be unique"],
    ],
    [
      "plugins: [{type: queue-scorer, parameters: {x: 1}}]",
      ["plugins[0].parameters.x is not known here: remove it"],
    ],
    [
      "plugins: [{type: low-queue-filter, parameters: {threshold: 1.5}}]",
      ["plugins[0].parameters.threshold must be a whole number"],
    ],
    [
      "plugins: [{type: low-queue-filter, parameters: {threshold: 0}}]",
      ["plugins[0].parameters.threshold must be at least 1"],
    ],
    [
      "plugins: [{type: lora-affinity-filter, parameters: {threshold: 2}}]",
      ["plugins[0].parameters.threshold must be 0 to 1"],
    ],
    [
      "plugins: [{type: lora-affinity-filter, parameters: {threshold: much}}]",
      ["plugins[0].parameters.threshold must be a number"],
    ],
    [
      "plugins: [{type: approx-prefix-cache-producer, parameters: {autoTune: 1}}]",
      ["plugins[0].parameters.autoTune must be true or false"],
    ],
    [
      "plugins: [{type: utilization-detector, parameters: {metricsStalenessThreshold: soon}}]",
      ["plugins[0].parameters.metricsStalenessThreshold must be a duration such as 200ms or 60s"],
    ],
    [
      "flowControl: {maxBytes: 3 pounds}",
      ["flowControl.maxBytes must be a quantity such as 500, 1k or 10Gi"],
    ],
    [
      "flowControl: {maxBytes: -1}",
      ["flowControl.maxBytes must be a quantity such as 500, 1k or 10Gi"],
    ],
    [
      "flowControl: {enableEviction: true}",
      ["flowControl.enableEviction is not supported: running requests are never aborted"],
    ],
    [
      "flowControl: {usageLimitPolicyPluginRef: static}",
      [
        "flowControl.usageLimitPolicyPluginRef is not supported: every band queues from saturation 1 on",
      ],
    ],
    ["flowControl: {priorityBands: [{}]}", ["flowControl.priorityBands[0] has no `priority`"]],
    [
      "plugins: [{type: queue-scorer}]\nflowControl: {defaultPriorityBand: {fairnessPolicyRef: queue-scorer, orderingPolicyRef: queue-scorer}, saturationDetector: {pluginRef: queue-scorer}}",
      [
        "flowControl.defaultPriorityBand.fairnessPolicyRef is not the name of a fairness policy",
        "flowControl.defaultPriorityBand.orderingPolicyRef is not the name of an ordering policy",
        "flowControl.saturationDetector.pluginRef is not the name of a saturation detector",
      ].toSorted(),
    ],
    [
      "schedulingProfiles: [{plugins: [{pluginRef: missing}]}]",
      [
        "schedulingProfiles[0].plugins[0].pluginRef is not the name of a plugin in `plugins`: no plugin is defined",
      ],
    ],
    [
      "plugins: [{type: random-picker}]\nschedulingProfiles: [{plugins: [{pluginRef: missing}, {}]}]",
      [
        "schedulingProfiles[0].plugins[0].pluginRef is not the name of a plugin in `plugins`: defined plugins are random-picker",
        "schedulingProfiles[0].plugins[1].pluginRef is missing",
      ],
    ],
    [
      "plugins: [{type: random-picker}]\nschedulingProfiles: [{plugins: [{pluginRef: random-picker, weight: 2}]}]",
      ["schedulingProfiles[0].plugins[0].weight is for scorers; random-picker is a picker"],
    ],
    [
      "plugins: [{type: default-profile}, {type: random-picker}]\nschedulingProfiles: [{plugins: [{pluginRef: default-profile}, {pluginRef: random-picker}]}]",
      [
        "schedulingProfiles[0].plugins contains a whole profile, which can't be combined with other plugins",
      ],
    ],
    [
      "schedulingProfiles: [{when: {criticality: [Urgent]}}]",
      ["schedulingProfiles[0].when.criticality[0] must be Critical, Standard or Sheddable"],
    ],
    [
      "plugins: [{type: queue-scorer}]\nsaturationDetector: {pluginRef: queue-scorer}",
      ["saturationDetector.pluginRef is not the name of a saturation detector"],
    ],
    [
      "saturationDetector: {pluginRef: missing}",
      [
        "saturationDetector.pluginRef is not the name of a plugin in `plugins`: no plugin is defined",
      ],
    ],
    [
      "plugins: [{type: header-profile-handler, parameters: {x: 1}}, {type: single-profile-handler, parameters: {x: 1}}]",
      [
        "plugins[0].parameters.x is not known here: remove it",
        "plugins[1].parameters.x is not known here: remove it",
      ],
    ],
  ])("is refused: %s", (text, want) => {
    expect(problemsOf(text).toSorted()).toEqual([...want].toSorted());
  });

  test("an unknown plugin is refused with the list of known plugins", () => {
    const [problem = ""] = problemsOf("plugins: [{type: queue-scorrer}]");
    expect(problem).toContain(
      "plugins[0].type is not a plugin that Umbra knows; known plugins are ",
    );
    expect(problem).toContain("queue-scorer, random-picker");
  });
});

import { describe, expect, test } from "@jest/globals";
import { createPool } from "@umbra/scheduler";
import { pathText, readPickerConfig } from "@umbra/scheduler/config";
import { parse } from "yaml";

/** Endpoints by address, one for each of these labels. */
const labelled = [
  {},
  { "llm-d.ai/role": "decode" },
  { "llm-d.ai/role": "prefill" },
  { "llm-d.ai/role": "encode" },
  { "llm-d.ai/role": "prefill-decode" },
  { "llm-d.ai/role": "encode-prefill" },
  { "llm-d.ai/role": "encode-prefill-decode" },
  { "llm-d.ai/role": "both" },
  { "llm-d.ai/role": "other" },
];

function config(plugins: string, profiles = "") {
  const refs = (parse(plugins) as { type: string }[]).map(({ type }) => `{pluginRef: ${type}}`);
  const text = `plugins: ${plugins}\nschedulingProfiles: ${profiles === "" ? `[{name: default, plugins: [${refs.join(", ")}]}]` : profiles}`;
  return readPickerConfig(parse(text));
}

/** Roles of the endpoints that the filter keeps; `none` where there is no label. */
function keptBy(plugin: string): readonly string[] {
  const read = config(`[${plugin}]`);
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const pool = createPool({
    name: "pool",
    now: () => 0,
    random: () => 0,
    ...read.config.poolOptions(),
  });
  pool.setEndpoints(labelled.map((labels, i) => ({ address: `10.0.0.${i + 1}:1`, labels })));
  const survivors = pool.explain({ model: "m" }).filters.at(-1)?.survivors ?? [];
  return survivors
    .map((endpoint) => labelled[Number(/\d+(?=:1$)/.exec(endpoint)?.[0]) - 1])
    .map((labels) => labels?.["llm-d.ai/role"] ?? "none")
    .toSorted();
}

function problems(plugins: string, profiles?: string): readonly string[] {
  const read = config(plugins, profiles);
  return read.ok ? [] : read.problems.map(({ path, message }) => `${pathText(path)} ${message}`);
}

const role = "llm-d.ai/role";

describe("a filter by label of the reference", () => {
  test.each([
    [
      "{type: decode-filter}",
      ["both", "decode", "encode-prefill-decode", "none", "prefill-decode"],
    ],
    [
      "{type: prefill-filter}",
      ["both", "encode-prefill", "encode-prefill-decode", "prefill", "prefill-decode"],
    ],
    ["{type: encode-filter}", ["encode", "encode-prefill", "encode-prefill-decode"]],
    [
      `{type: by-label, parameters: {label: ${role}, validValues: [encode, both]}}`,
      ["both", "encode"],
    ],
    [
      `{type: by-label, parameters: {label: ${role}, validValues: [encode], allowsNoLabel: true}}`,
      ["encode", "none"],
    ],
    [`{type: by-label, parameters: {label: ${role}, allowsNoLabel: true}}`, ["none"]],
    [`{type: by-label-selector, parameters: {matchLabels: {${role}: both}}}`, ["both"]],
    [
      `{type: label-selector-filter, parameters: {matchExpressions: [{key: ${role}, operator: In, values: [decode, other]}]}}`,
      ["decode", "other"],
    ],
    [
      `{type: label-selector-filter, parameters: {matchExpressions: [{key: ${role}, operator: Exists}, {key: ${role}, operator: NotIn, values: [both, other, encode, encode-prefill]}]}}`,
      ["decode", "encode-prefill-decode", "prefill", "prefill-decode"],
    ],
    [
      `{type: label-selector-filter, parameters: {matchExpressions: [{key: ${role}, operator: NotIn, values: [decode, prefill, encode, prefill-decode, encode-prefill, encode-prefill-decode, both]}]}}`,
      ["none", "other"],
    ],
    [
      `{type: label-selector-filter, parameters: {matchExpressions: [{key: ${role}, operator: DoesNotExist}]}}`,
      ["none"],
    ],
  ])("%s keeps %j", (plugin, want) => {
    expect(keptBy(plugin)).toEqual(want);
  });

  test.each([
    [
      "{type: by-label}",
      ["plugins[0].parameters has no `label`", "plugins[0].parameters has no `validValues`"],
    ],
    [
      "{type: label-selector-filter, parameters: {matchExpressions: [{}]}}",
      [
        "plugins[0].parameters.matchExpressions[0] has no `key`",
        "plugins[0].parameters.matchExpressions[0].operator must be one of In, NotIn, Exists, DoesNotExist",
      ],
    ],
    [
      "{type: label-selector-filter, parameters: {matchExpressions: [{key: a, operator: In}]}}",
      ["plugins[0].parameters.matchExpressions[0] has no `values`"],
    ],
    [
      "{type: by-label, parameters: {label: a, validValues: [b, 5]}}",
      ["plugins[0].parameters.validValues[1] must be a string"],
    ],
    [
      "{type: label-selector-filter, parameters: {matchExpressions: [{key: a, operator: NotIn, values: [b, true]}]}}",
      ["plugins[0].parameters.matchExpressions[0].values[1] must be a string"],
    ],
  ])("%s is refused", (plugin, want) => {
    expect(problems(`[${plugin}]`)).toEqual(want);
  });
});

describe("a profile handler of the reference", () => {
  const profiles = "[{name: prefill, plugins: []}, {name: decode, plugins: []}]";

  test.each([
    ["[{type: disagg-profile-handler}]", "decode"],
    ["[{type: disagg-profile-handler, parameters: {profiles: {decode: prefill}}}]", "prefill"],
    ["[{type: data-parallel-profile-handler, parameters: {primaryPort: 8000}}]", "prefill"],
    ["[{type: single-profile-handler}]", "prefill"],
  ])("%s means the one profile %s", (plugins, want) => {
    const read = config(plugins, profiles);
    if (!read.ok) throw new Error(JSON.stringify(read.problems));
    const pool = createPool({ name: "p", now: () => 0, ...read.config.poolOptions() });
    pool.setEndpoints([{ address: "10.0.0.1:1" }]);
    expect(pool.explain({ model: "m" }).profile).toBe(want);
  });

  test("that needs a missing profile reports it", () => {
    expect(problems("[{type: disagg-profile-handler}]", "[{name: default}]")).toEqual([
      'schedulingProfiles has no profile "decode", the only one that is used: it has default',
    ]);
  });
});

describe("one cause is one problem", () => {
  test.each([
    {
      name: "a disaggregation, however many plugins belong to it",
      plugins: `[{type: prefill-filter}, {type: decode-filter}, {type: prefix-based-pd-decider, parameters: {nonCachedTokens: 16}},
        {type: disagg-profile-handler, parameters: {deciders: {prefill: prefix-based-pd-decider, encode: x}}}]`,
      profiles:
        "[{name: prefill, plugins: [{pluginRef: prefill-filter}]}, {name: decode, plugins: [{pluginRef: decode-filter}]}]",
      want: /^plugins\[3\]\.parameters\.deciders\.prefill disaggregates requests .* remove the deciders/,
    },
    {
      name: "a plugin that Umbra does not have, however often it is named",
      plugins: "[{type: endpoint-attribute-scorer}, {name: b, type: endpoint-attribute-scorer}]",
      profiles:
        "[{plugins: [{pluginRef: endpoint-attribute-scorer}, {pluginRef: b}]}, {plugins: [{pluginRef: b}]}]",
      want: /^plugins\[0\]\.type names `endpoint-attribute-scorer`, which Umbra does not have: .*use queue-scorer/,
    },
    {
      name: "an unknown plugin",
      plugins: "[{name: mine, type: our-own-scorer}]",
      profiles: "[{plugins: [{pluginRef: mine, weight: 2}]}]",
      want: /^plugins\[0\]\.type is not a plugin that Umbra knows; known plugins are /,
    },
    {
      name: "a reference to an undefined plugin, however often it is made",
      plugins: "[{type: queue-scorer}]",
      profiles: "[{plugins: [{pluginRef: missing}]}, {plugins: [{pluginRef: missing}]}]",
      want: /^schedulingProfiles\[0\]\.plugins\[0\]\.pluginRef is not the name of a plugin in `plugins`: defined plugins are queue-scorer$/,
    },
  ])("$name", ({ plugins, profiles, want }) => {
    const found = problems(plugins, profiles);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(want);
  });
});

test("plugins that only feed others are accepted, and a concurrency detector has a mode", () => {
  expect(
    problems(
      `[{type: models-data-source}, {type: endpoint-notification-source}, {type: token-producer}, {type: queue-scorer},
        {type: prefix-cache-scorer, parameters: {prefixMatchInfoProducerName: approx-prefix-cache-producer}},
        {type: concurrency-detector, parameters: {concurrencyMode: tokens, maxTokenConcurrency: 10, headroom: 0.2}}]`,
      "[]",
    ),
  ).toEqual([]);
  expect(
    problems("[{type: concurrency-detector, parameters: {concurrencyMode: cores}}]", "[]"),
  ).toEqual(["plugins[0].parameters.concurrencyMode must be requests or tokens"]);
  expect(
    problems("[{type: concurrency-detector, parameters: {concurrencyMode: requests}}]", "[]"),
  ).toEqual([]);
});

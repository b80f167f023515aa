import { type ConfigNode, configNode } from "../src/config/node.ts";
import { type MadePlugin, pluginTypes } from "../src/config/plugin-types.ts";
import { unsupportedPlugins } from "../src/config/unsupported-plugins.ts";

const head = `# Plugins of an EndpointPickerConfig

<!-- Written by \`UPDATE_GOLDEN=1 npm run test:unit -- plugins-page\`; edit packages/scheduler/src/config instead. -->

The plugin types that Umbra knows, with their parameters.
[Scheduling](../scheduling.md) explains how they work together, and shows a configuration.
`;

const titles: Readonly<Record<MadePlugin["kind"], string>> = {
  filter: "Filters",
  scorer: "Scorers",
  picker: "Pickers",
  profile: "Whole profiles",
  handler: "Profile handlers",
  detector: "Saturation detectors",
  "prefix index": "Prefix index",
  fairness: "Fairness policies",
  ordering: "Ordering policies",
  ignored: "Accepted without effect",
  unknown: "Unknown",
};

/** What each plugin type is for: whole sentences. Those without effect need none. */
export const pluginMeanings: Readonly<Record<string, string>> = {
  "label-selector-filter": "Keeps the endpoints whose labels match the selector.",
  "by-label-selector": "The older name of `label-selector-filter`.",
  "by-label": "Keeps the endpoints whose label has one of the values.",
  "decode-filter":
    "Keeps the endpoints whose label `llm-d.ai/role` allows decoding; endpoints without the label do.",
  "prefill-filter": "Keeps the endpoints whose label `llm-d.ai/role` allows prefill.",
  "encode-filter": "Keeps the endpoints whose label `llm-d.ai/role` allows encoding.",
  "low-queue-filter": "Keeps the endpoints with fewer waiting requests than the threshold.",
  "lora-affinity-filter":
    "Keeps the endpoints that hold the request's LoRA adapter. If none does, it keeps those with room for one more.",
  "least-queue-filter": "Keeps the endpoints with the shortest queues.",
  "least-kv-cache-filter": "Keeps the endpoints with the most free KV cache.",
  "sheddable-capacity-filter":
    "Keeps the endpoints with spare capacity, for sheddable requests only. If none has any, the request is refused.",
  "prefix-cache-affinity-filter":
    "Keeps the endpoints that hold nearly all of the prompt. If none does, it keeps all.",
  "fresh-metrics-filter":
    "Drops endpoints with stale or missing metrics, unless they have less load than every fresh one. If none is fresh, it keeps all.",
  "engine-ready-filter":
    "Drops endpoints that are asleep, loading or draining. If all are, it keeps all.",
  "circuit-broken-filter":
    "Drops endpoints that are ejected or avoided because of errors. If all are, it keeps all.",
  "adapter-room-filter":
    "Keeps the endpoints that can serve the request's adapter without unloading another.",
  "max-in-flight-filter":
    "Keeps the endpoints with fewer requests in flight than the limit. If none has, the request is refused.",
  "queue-scorer": "Prefers short waiting queues, relative to the other endpoints.",
  "running-requests-size-scorer": "Prefers small running batches, relative to the other endpoints.",
  "kv-cache-utilization-scorer": "Scores the free share of the KV cache.",
  "lora-affinity-scorer":
    "Scores 1 where the request's adapter is loaded, 0.8 where there is room for it, else 0.",
  "load-aware-scorer": "Prefers short waiting queues, on a fixed scale.",
  "active-request-scorer": "Prefers endpoints with few requests in flight. It needs no metrics.",
  "token-load-scorer": "Prefers endpoints with few prompt tokens left to compute.",
  "prefix-cache-scorer": "Prefers endpoints that have the start of the prompt in their KV cache.",
  "no-hit-lru-scorer":
    "Spreads prompts that no endpoint has cached: the endpoint that got one longest ago comes first.",
  "session-affinity-scorer": "Scores 1 where the request's session was served last.",
  "latency-scorer": "Prefers endpoints whose recent first tokens came soon.",
  "expected-work-scorer":
    "Prefers the endpoint with the least work before this request's first token. It combines queue, batch, prefix cache and adapters on one scale.",
  "max-score-picker": "Picks the highest score; draws among equal ones.",
  "random-picker": "Picks any endpoint.",
  "weighted-random-picker": "Draws in proportion to the scores.",
  "power-of-two-picker": "Draws two endpoints and picks the better one.",
  "top-k-picker": "Picks any of the `k` highest scores.",
  "default-profile": "The profile that Umbra uses without a configuration.",
  "decision-tree-profile":
    "The first scheduler of the Gateway API Inference Extension. It refuses sheddable requests by itself.",
  "single-profile-handler": "Runs the only profile.",
  "header-profile-handler": "Runs the profile that a request header names.",
  "data-parallel-profile-handler": "Accepted: each data-parallel rank is an endpoint of its own.",
  "disagg-profile-handler": "Accepted without deciders: the profile for decoding is used.",
  "pd-profile-handler": "The older name of `disagg-profile-handler`.",
  "utilization-detector":
    "The pool is saturated when waiting requests or KV cache reach their limits, on average over its endpoints.",
  "concurrency-detector":
    "The pool is saturated when requests or tokens in flight reach their limits. It needs no metrics.",
  "approx-prefix-cache-producer": "Configures the index of cached prefixes.",
  "round-robin-fairness-policy": "Tenants of a priority take turns.",
  "global-strict-fairness-policy": "Requests of a priority share one queue.",
  "fcfs-ordering-policy": "The oldest request goes first.",
  "edf-ordering-policy": "The request with the earliest deadline goes first.",
  "slo-deadline-ordering-policy": "The same as `edf-ordering-policy`.",
};

/** `docs/reference/plugins.md`. */
export function pluginsPage(): string {
  const made = [...pluginTypes].map(([type, make]) => {
    const parameters = new Map<string, string>();
    const { kind } = make(recorder(parameters));
    return { type, kind, parameters };
  });
  const byKind = Map.groupBy(made, ({ kind }) => kind);
  const sections = [...byKind].flatMap(([kind, plugins]) => [
    `## ${titles[kind]}\n`,
    kind === "ignored"
      ? `${plugins.map(({ type }) => `\`${type}\``).join(", ")}.\nUmbra does the same without them, or does not need it.\n`
      : pluginTable(plugins),
  ]);
  return `${[head, ...sections, unsupported()].join("\n")}`;
}

interface Described {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

function pluginTable(plugins: readonly Described[]): string {
  const rows = plugins.map(({ type, parameters }) => {
    const list = [...parameters].map(([name, form]) => `\`${name}\`${form && `: ${form}`}`);
    return `| \`${type}\` | ${pluginMeanings[type] ?? ""} | ${list.join("; ")} |`;
  });
  return `| type | meaning | parameters |\n| --- | --- | --- |\n${rows.join("\n")}\n`;
}

function unsupported(): string {
  const rows = [...unsupportedPlugins].map(([type, remedy]) => `| \`${type}\` | ${remedy} |`);
  return `## Not supported\n\nTypes of the reference endpoint picker that \`umbra check\` refuses.\n\n| type | what to do |\n| --- | --- |\n${rows.join("\n")}\n`;
}

/** A node without a value that notes which members a plugin reads, and as what. */
function recorder(into: Map<string, string>): ConfigNode {
  const empty = configNode(undefined, [], []);
  return {
    ...empty,
    allowOnly(known) {
      for (const name of known) into.set(name, into.get(name) ?? "");
    },
    at: (key) => memberRecorder(key, into),
    needed: (key) => memberRecorder(key, into),
  };
}

function memberRecorder(key: string, into: Map<string, string>): ConfigNode {
  const note = (form: string): undefined => {
    into.set(key, form);
    return undefined;
  };
  return {
    ...configNode(undefined, [key], []),
    text: () => note("text"),
    flag: () => note("true or false"),
    duration: () => note("duration"),
    quantity: () => note("quantity"),
    number: (least, most) => note(`number${bounds(least, most)}`),
    integer: (least, most) => note(`whole number${bounds(least, most)}`),
  };
}

function bounds(least: number | undefined, most: number | undefined): string {
  if (least === undefined) return "";
  return most === undefined ? `, at least ${least}` : `, ${least} to ${most}`;
}

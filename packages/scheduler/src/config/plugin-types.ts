import {
  concurrencyDetector,
  type SaturationDetector,
  utilizationDetector,
} from "../admission/saturation.ts";
import { capacityFilter, maxInFlightFilter } from "../filters/capacity.ts";
import { circuitBrokenFilter } from "../filters/circuit-broken.ts";
import { engineReadyFilter } from "../filters/engine-ready.ts";
import { freshMetricsFilter } from "../filters/fresh-metrics.ts";
import { leastKvCacheFilter } from "../filters/least-kv-cache.ts";
import { leastQueueFilter } from "../filters/least-queue.ts";
import { adapterRoomFilter, loraAffinityFilter } from "../filters/lora-affinity.ts";
import { lowQueueFilter } from "../filters/low-queue.ts";
import { prefixAffinityFilter } from "../filters/prefix-affinity.ts";
import { maxScorePicker } from "../pickers/max-score.ts";
import { powerOfTwoPicker } from "../pickers/power-of-two.ts";
import { randomPicker } from "../pickers/random.ts";
import { topKPicker } from "../pickers/top-k.ts";
import { weightedRandomPicker } from "../pickers/weighted-random.ts";
import type { Filter, Picker, Scorer } from "../plugin.ts";
import type { PrefixOptions } from "../pool/prefix-view.ts";
import type { Profile } from "../profile.ts";
import { decisionTreeProfile } from "../profiles/decision-tree.ts";
import { defaultProfile } from "../profiles/default.ts";
import { expectedWorkScorer } from "../scorers/expected-work.ts";
import { inFlightScorer } from "../scorers/in-flight.ts";
import { kvCacheScorer } from "../scorers/kv-cache.ts";
import { latencyScorer } from "../scorers/latency.ts";
import { loraAffinityScorer } from "../scorers/lora-affinity.ts";
import { noHitLruScorer } from "../scorers/no-hit-lru.ts";
import { prefixCacheScorer } from "../scorers/prefix-cache.ts";
import { loadAwareScorer, queueScorer } from "../scorers/queue.ts";
import { runningRequestsScorer } from "../scorers/running-requests.ts";
import { sessionAffinityScorer } from "../scorers/session-affinity.ts";
import { tokenLoadScorer } from "../scorers/token-load.ts";
import { readByLabel, readLabelSelector, roleFilter } from "./label-plugins.ts";
import { type ConfigNode, present } from "./node.ts";

/** What a plugin of a configuration becomes. Plugins keep state, so each pool has its own. */
export type MadePlugin =
  | { readonly kind: "filter"; readonly create: () => readonly Filter[] }
  | { readonly kind: "scorer"; readonly create: () => Scorer; readonly prefix?: PrefixOptions }
  | {
      readonly kind: "picker";
      readonly create: () => Picker;
      /** Number of endpoints to return, including the picked one. */
      readonly endpoints: number | undefined;
    }
  /** `sheds`: the profile itself refuses sheddable requests. */
  | { readonly kind: "profile"; readonly create: () => Profile; readonly sheds: boolean }
  /** `only`: name of the only profile that is used. */
  | { readonly kind: "handler"; readonly byHeader: boolean; readonly only?: string }
  | { readonly kind: "detector"; readonly create: CreateDetector }
  | { readonly kind: "prefix index"; readonly prefix: PrefixOptions }
  | { readonly kind: "fairness"; readonly fairness: "round-robin" | "strict" }
  | { readonly kind: "ordering"; readonly ordering: "fcfs" | "edf" }
  /**
   * Accepted so that configurations of the reference picker can be read. Umbra always does this, so there is nothing to
   * configure.
   */
  | { readonly kind: "ignored" }
  /** Already reported where it is defined; references to it are not reported again. */
  | { readonly kind: "unknown" };

/** @param withSent as in `utilizationDetector` */
export type CreateDetector = (withSent: boolean) => SaturationDetector;

type MakePlugin = (parameters: ConfigNode) => MadePlugin;

const filter =
  (
    known: readonly string[],
    create: (parameters: ConfigNode) => Filter | readonly Filter[],
  ): MakePlugin =>
  (parameters) => {
    parameters.allowOnly(known);
    create(parameters);
    return { kind: "filter", create: () => [create(parameters)].flat() };
  };

const scorer =
  (known: readonly string[], create: (parameters: ConfigNode) => Scorer): MakePlugin =>
  (parameters) => {
    parameters.allowOnly(known);
    create(parameters);
    return { kind: "scorer", create: () => create(parameters) };
  };

const picker =
  (create: (parameters: ConfigNode) => Picker, known: readonly string[] = []): MakePlugin =>
  (parameters) => {
    parameters.allowOnly(["maxNumOfEndpoints", ...known]);
    const endpoints = parameters.at("maxNumOfEndpoints").integer(1, 64);
    const made = create(parameters);
    return { kind: "picker", create: () => made, endpoints };
  };

const handler =
  (byHeader: boolean): MakePlugin =>
  (parameters) => {
    parameters.allowOnly([]);
    return { kind: "handler", byHeader };
  };

/** Without a decider, the reference picker also schedules one profile. */
const disaggregation: MakePlugin = (parameters) => {
  const { allowOnly, at } = parameters;
  allowOnly(["profiles", "deciders", "deciderPluginName", "prefillProfile", "decodeProfile"]);
  const deciders = at("deciders");
  const decider = [deciders.at("prefill"), deciders.at("encode"), at("deciderPluginName")].find(
    ({ isPresent }) => isPresent,
  );
  decider?.report(
    "disaggregates requests over several endpoints, and Umbra sends each to one: remove the deciders, and the profile for decoding is used",
  );
  const only = at("profiles").at("decode").text() ?? at("decodeProfile").text();
  return { kind: "handler", byHeader: false, only: only ?? "decode" };
};

function prefixOptions(parameters: ConfigNode): PrefixOptions {
  const blockTokens = parameters.at("blockSizeTokens").integer(1, 4_096);
  const blocks = parameters.at("maxPrefixBlocksToMatch").integer(0, 1_000_000);
  const tokens = parameters.at("maxPrefixTokensToMatch").integer(0, 16_777_216);
  parameters.at("autoTune").flag();
  // Like the reference picker, never below 64 tokens: smaller blocks cost memory and gain little.
  const used = Math.max(64, blockTokens ?? 64);
  const most = tokens !== undefined && tokens > 0 ? tokens : (blocks ?? 0) * used;
  return present({
    blockTokens: blockTokens === undefined ? undefined : used,
    maxPromptTokens: most > 0 ? most : undefined,
    blocksPerEndpoint: parameters.at("lruCapacityPerServer").integer(1, 1_000_000),
  });
}

const prefixNames = [
  "autoTune",
  "blockSizeTokens",
  "maxPrefixTokensToMatch",
  "maxPrefixBlocksToMatch",
  "lruCapacityPerServer",
] as const;

export function readUtilizationDetector(parameters: ConfigNode): CreateDetector {
  const names = ["queueDepthThreshold", "kvCacheUtilThreshold", "metricsStalenessThreshold"];
  parameters.allowOnly([...names, "headroom"]);
  parameters.at("metricsStalenessThreshold").duration();
  parameters.at("headroom").number(0);
  const limits = present({
    waitingRequests: parameters.at("queueDepthThreshold").number(1),
    kvCacheUsage: parameters.at("kvCacheUtilThreshold").number(0.01, 1),
  });
  return (withSent) => utilizationDetector({ ...limits, withSent });
}

/**
 * Plugins of the reference picker that need no counterpart: Umbra does what they do without being configured, or does
 * not need it.
 */
const ignored: readonly string[] = [
  ...["prefix-based-pd-decider", "always-disagg-pd-decider", "always-disagg-multimodal-decider"],
  ...["disagg-headers-handler", "prefill-header-handler", "sglanghttp-parser"],
  ...["models-data-source", "models-data-extractor", "k8s-notification-source"],
  ...["endpoint-notification-source", "dcgm-data-source", "dcgm-extractor", "topology-extractor"],
  ...["inflight-load-producer", "token-producer", "openai-parser", "anthropic-parser"],
  ...["vllmhttp-parser", "passthrough-parser", "metrics-data-source", "core-metrics-extractor"],
];

const pluginsByType: Readonly<Record<string, MakePlugin>> = {
  "label-selector-filter": filter(["matchLabels", "matchExpressions"], readLabelSelector),
  "by-label-selector": filter(["matchLabels", "matchExpressions"], readLabelSelector),
  "by-label": filter(["label", "validValues", "allowsNoLabel"], readByLabel),
  "decode-filter": filter([], () => roleFilter("decode")),
  "prefill-filter": filter([], () => roleFilter("prefill")),
  "encode-filter": filter([], () => roleFilter("encode")),
  "low-queue-filter": filter(["threshold"], (p) =>
    lowQueueFilter(present({ threshold: p.at("threshold").integer(1) })),
  ),
  "lora-affinity-filter": filter(["threshold"], (p) =>
    loraAffinityFilter(present({ affinityProbability: p.at("threshold").number(0, 1) })),
  ),
  "least-queue-filter": filter([], () => leastQueueFilter({ band: "range-per-endpoint" })),
  "least-kv-cache-filter": filter([], () => leastKvCacheFilter({ band: "range-per-endpoint" })),
  "sheddable-capacity-filter": filter(["queueThreshold", "kvCacheThreshold"], (p) =>
    capacityFilter(
      present({
        waitingRequests: p.at("queueThreshold").integer(0),
        kvCacheUsage: p.at("kvCacheThreshold").number(0, 1),
      }),
    ),
  ),
  "prefix-cache-affinity-filter": filter(["affinityThreshold"], (p) =>
    prefixAffinityFilter(present({ threshold: p.at("affinityThreshold").number(0, 1) })),
  ),
  "queue-scorer": scorer([], () => queueScorer),
  "running-requests-size-scorer": scorer([], () => runningRequestsScorer),
  "kv-cache-utilization-scorer": scorer([], () => kvCacheScorer),
  "lora-affinity-scorer": scorer([], () => loraAffinityScorer),
  "load-aware-scorer": scorer(["threshold"], (p) =>
    loadAwareScorer(present({ threshold: p.at("threshold").number(1) })),
  ),
  "active-request-scorer": scorer(["idleThreshold", "maxBusyScore", "requestTimeout"], (p) =>
    inFlightScorer(
      present({
        idleThreshold: p.at("idleThreshold").number(0),
        maxBusyScore: p.at("maxBusyScore").number(0, 1),
      }),
    ),
  ),
  "token-load-scorer": scorer(["queueThresholdTokens"], (p) =>
    tokenLoadScorer({
      withOutput: false,
      ...present({ threshold: p.at("queueThresholdTokens").number(1) }),
    }),
  ),
  "prefix-cache-scorer": (parameters) => {
    // There is only one prefix index, so the named producer does not matter.
    parameters.at("prefixMatchInfoProducerName").text();
    parameters.allowOnly([
      ...["matchLengthWeight", "matchLengthScaleTokens", "prefixMatchInfoProducerName"],
      ...prefixNames,
    ]);
    const options = present({
      lengthWeight: parameters.at("matchLengthWeight").number(0, 1),
      lengthScaleTokens: parameters.at("matchLengthScaleTokens").number(1),
    });
    const prefix = prefixOptions(parameters);
    return { kind: "scorer", create: () => prefixCacheScorer(options), prefix };
  },
  "no-hit-lru-scorer": scorer(["lruSize"], (p) =>
    noHitLruScorer(present({ maxEndpoints: p.at("lruSize").integer(1) })),
  ),
  "session-affinity-scorer": scorer([], () => sessionAffinityScorer()),
  "latency-scorer": scorer([], () => latencyScorer),
  "max-score-picker": picker(() => maxScorePicker),
  "random-picker": picker(() => randomPicker),
  "weighted-random-picker": picker(() => weightedRandomPicker),
  "single-profile-handler": handler(false),
  "header-profile-handler": handler(true),
  // Each rank of a Pod is a separate endpoint, by the pool's target ports.
  "data-parallel-profile-handler": (parameters) => {
    parameters.allowOnly(["primaryPort"]);
    parameters.at("primaryPort").integer(1, 65_535);
    return { kind: "handler", byHeader: false };
  },
  "disagg-profile-handler": disaggregation,
  "pd-profile-handler": disaggregation,
  "utilization-detector": (parameters) => ({
    kind: "detector",
    create: readUtilizationDetector(parameters),
  }),
  "concurrency-detector": (parameters) => {
    parameters.allowOnly(["maxConcurrency", "maxTokenConcurrency", "concurrencyMode", "headroom"]);
    parameters.at("headroom").number(0);
    const mode = parameters.at("concurrencyMode").text();
    if (mode !== undefined && mode !== "requests" && mode !== "tokens") {
      parameters.at("concurrencyMode").report("must be requests or tokens");
    }
    const detector = concurrencyDetector(
      present({
        requests: mode === "tokens" ? undefined : parameters.at("maxConcurrency").number(1),
        tokens: mode === "requests" ? undefined : parameters.at("maxTokenConcurrency").number(1),
      }),
    );
    return { kind: "detector", create: () => detector };
  },
  "approx-prefix-cache-producer": (parameters) => {
    parameters.allowOnly(prefixNames);
    return { kind: "prefix index", prefix: prefixOptions(parameters) };
  },
  "round-robin-fairness-policy": () => ({ kind: "fairness", fairness: "round-robin" }),
  "global-strict-fairness-policy": () => ({ kind: "fairness", fairness: "strict" }),
  "fcfs-ordering-policy": () => ({ kind: "ordering", ordering: "fcfs" }),
  "edf-ordering-policy": () => ({ kind: "ordering", ordering: "edf" }),
  "slo-deadline-ordering-policy": () => ({ kind: "ordering", ordering: "edf" }),
  "fresh-metrics-filter": filter([], () => freshMetricsFilter),
  "engine-ready-filter": filter([], () => engineReadyFilter),
  "circuit-broken-filter": filter([], () => circuitBrokenFilter),
  "adapter-room-filter": filter([], () => adapterRoomFilter),
  "max-in-flight-filter": filter(["maxRequests"], (p) =>
    maxInFlightFilter(p.at("maxRequests").integer(1) ?? 100),
  ),
  "expected-work-scorer": scorer(
    ["tokensPerRequest", "tokensPerAdapterLoad", "tokensPerFullCache"],
    (p) =>
      expectedWorkScorer(
        present({
          tokensPerRequest: p.at("tokensPerRequest").number(0),
          tokensPerAdapterLoad: p.at("tokensPerAdapterLoad").number(0),
          tokensPerFullCache: p.at("tokensPerFullCache").number(0),
        }),
      ),
  ),
  "power-of-two-picker": picker(() => powerOfTwoPicker),
  "top-k-picker": picker((p) => topKPicker(p.at("k").integer(1, 1_000) ?? 3), ["k"]),
  "default-profile": () => ({ kind: "profile", create: defaultProfile, sheds: false }),
  "decision-tree-profile": () => ({ kind: "profile", create: decisionTreeProfile, sheds: true }),
};

/** Plugin types by name: those of the reference endpoint picker under its names, then ours. */
export const pluginTypes: ReadonlyMap<string, MakePlugin> = new Map([
  ...Object.entries(pluginsByType),
  ...ignored.map((type): [string, MakePlugin] => [type, () => ({ kind: "ignored" })]),
]);

const remedies: Readonly<Record<string, string>> = {
  "context-length-aware": "use label-selector-filter, or a pool for long prompts",
  "header-label-affinity":
    "use header-profile-handler with a label-selector-filter in each profile",
  "session-affinity-filter": "use session-affinity-scorer with a high weight",
  "probabilistic-admitter": "use flowControl, or InferenceObjectives with a priority below 0",
  "program-aware-fairness": "use round-robin-fairness-policy",
  "soft-reflective-ceiling-policy": "every band queues from saturation 1 on; leave it out",
  "priority-holdback-policy": "every band queues from saturation 1 on; leave it out",
  "static-usage-limit-policy": "every band queues from saturation 1 on; leave it out",
  "vllmgrpc-parser": "Umbra reads requests over HTTP; let the model servers serve HTTP",
  "vertexai-parser": "Umbra reads OpenAI's and Anthropic's formats; leave it out",
  "agent-identity": "let the gateway set x-llm-d-inference-fairness-id; leave it out",
  "request-attribute-reporter": "read /metrics of the sidecar; leave it out",
  "disaggregatedset-rollout-screener": "give each revision a pool and set weights in the HTTPRoute",
  "p2p-source-producer": "Umbra does not move caches between endpoints; leave it out",
  "session-id-producer": "Umbra reads sessions from headers without it; leave it out",
  "sheddable-eviction-filter": "running requests are never aborted; leave it out",
  "priority-then-time-eviction-order-policy": "running requests are never aborted; leave it out",
  "file-discovery": "name the endpoints with --endpoints or the annotation umbra.dev/endpoints",
};

/** Plugin types of the reference endpoint picker that Umbra does not support, and what to do instead. */
export const unsupportedPlugins: ReadonlyMap<string, string> = new Map([
  ...[
    "precise-prefix-cache-producer",
    "precise-prefix-cache-scorer",
    "burst-prefix-cache-producer",
  ].map(
    (type) =>
      [
        type,
        "Umbra does not read KV events; use approx-prefix-cache-producer with prefix-cache-scorer",
      ] as const,
  ),
  ...["mm-embeddings-cache-producer", "mm-embeddings-cache-scorer"].map(
    (type) => [type, "Umbra has no index of images and audio; leave it out"] as const,
  ),
  ...["topology-affinity-filter", "topology-affinity-scorer"].map(
    (type) => [type, "Umbra does not know the nodes' topology; use label-selector-filter"] as const,
  ),
  ...["endpoint-attribute-filter", "endpoint-attribute-scorer", "utilization-filter"].map(
    (type) =>
      [
        type,
        "Umbra reads only load metrics of engines; use queue-scorer, kv-cache-utilization-scorer or running-requests-size-scorer",
      ] as const,
  ),
  ...["predicted-latency-producer", "slo-headroom-tier-filter", "latency-slo-admitter"].map(
    (type) =>
      [type, "Umbra does not predict latency; leave it out and use expected-work-scorer"] as const,
  ),
  ...Object.entries(remedies),
]);

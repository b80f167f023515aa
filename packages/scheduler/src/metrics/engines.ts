/** Model servers whose metrics Umbra can read. Names are those of the reference endpoint picker's engine labels. */
export type EngineName =
  | "vllm"
  | "sglang"
  | "trtllm-serve"
  | "triton-tensorrt-llm"
  | "tgi"
  | "llamacpp";

/** Selects samples by name and labels. */
export interface Selector {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A server's names for the metrics that picks use. Of several selectors, the first one found on the page is used. */
export interface EngineMetrics {
  readonly waitingRequests: readonly Selector[];
  readonly runningRequests: readonly Selector[];
  /** Empty if the server does not report it. */
  readonly kvCacheUsage: readonly Selector[];
  /** Block size and block count of the KV cache, either as labels of an info metric or as metrics. */
  readonly cache?:
    | { readonly info: string; readonly blockTokens: string; readonly blocks: string }
    | { readonly blockTokens: Selector; readonly blocks: Selector };
  readonly lora?: {
    readonly requestsInfo: string;
    readonly loaded: string;
    readonly maxLoaded: string;
  };
  readonly generationTokens?: string;
  /** Most requests the server runs at once. */
  readonly seats?: Selector;
  /** Most LoRA adapters on the GPU at once, for servers without `lora` metrics. */
  readonly adapterSlots?: Selector;
  /**
   * A gauge per engine state, 1 for the current state. `label` names the state; `ready` is the state that serves
   * requests.
   */
  readonly state?: { readonly name: string; readonly label: string; readonly ready: string };
  /** Other names that the page has before a first request. */
  readonly early?: readonly string[];
}

/** vLLM's names of the metrics that picks use. */
export const vllmMetricNames = {
  waitingRequests: "vllm:num_requests_waiting",
  runningRequests: "vllm:num_requests_running",
  kvCacheUsage: "vllm:kv_cache_usage_perc",
  /** Name in vLLM's V0 engine. */
  gpuCacheUsage: "vllm:gpu_cache_usage_perc",
  loraRequestsInfo: "vllm:lora_requests_info",
  loraAdapterLoaded: "vllm:lora_adapter_loaded",
  maxGpuLoraAdapters: "vllm:max_gpu_lora_adapters",
  cacheConfigInfo: "vllm:cache_config_info",
  generationTokens: "vllm:generation_tokens_total",
  engineSleepState: "vllm:engine_sleep_state",
} as const;

const named = (...names: readonly string[]): readonly Selector[] => names.map((name) => ({ name }));
const tritonRequests = (kind: string): Selector => ({
  name: "nv_trt_llm_request_metrics",
  labels: { request_type: kind },
});
const tritonBlocks = (kind: string): Selector => ({
  name: "nv_trt_llm_kv_cache_block_metrics",
  labels: { kv_cache_block_type: kind },
});

const metricsOf: Readonly<Record<EngineName, EngineMetrics>> = {
  vllm: {
    waitingRequests: named(vllmMetricNames.waitingRequests),
    runningRequests: named(vllmMetricNames.runningRequests),
    kvCacheUsage: named(vllmMetricNames.kvCacheUsage, vllmMetricNames.gpuCacheUsage),
    cache: {
      info: vllmMetricNames.cacheConfigInfo,
      blockTokens: "block_size",
      blocks: "num_gpu_blocks",
    },
    lora: {
      requestsInfo: vllmMetricNames.loraRequestsInfo,
      loaded: vllmMetricNames.loraAdapterLoaded,
      maxLoaded: vllmMetricNames.maxGpuLoraAdapters,
    },
    generationTokens: vllmMetricNames.generationTokens,
    state: { name: vllmMetricNames.engineSleepState, label: "sleep_state", ready: "awake" },
  },
  sglang: {
    waitingRequests: named("sglang:num_queue_reqs"),
    runningRequests: named("sglang:num_running_reqs"),
    kvCacheUsage: named("sglang:token_usage"),
    cache: { info: "sglang:cache_config_info", blockTokens: "page_size", blocks: "num_pages" },
    generationTokens: "sglang:generation_tokens_total",
    adapterSlots: { name: "sglang:lora_pool_slots_total" },
    early: ["sglang:max_total_num_tokens"],
  },
  "trtllm-serve": {
    waitingRequests: named("trtllm_num_requests_waiting"),
    runningRequests: named("trtllm_num_requests_running"),
    kvCacheUsage: named("trtllm_kv_cache_utilization"),
    cache: {
      blockTokens: { name: "trtllm_kv_cache_tokens_per_block" },
      blocks: { name: "trtllm_kv_cache_max_blocks" },
    },
    seats: { name: "trtllm_max_num_active_requests" },
  },
  "triton-tensorrt-llm": {
    waitingRequests: [tritonRequests("waiting")],
    runningRequests: [tritonRequests("scheduled")],
    kvCacheUsage: [tritonBlocks("fraction")],
    cache: { blockTokens: tritonBlocks("tokens_per"), blocks: tritonBlocks("max") },
  },
  tgi: {
    waitingRequests: named("tgi_queue_size"),
    runningRequests: named("tgi_batch_current_size"),
    kvCacheUsage: [],
    early: ["tgi_batch_max_total_tokens"],
  },
  llamacpp: {
    waitingRequests: named("llamacpp:requests_deferred"),
    runningRequests: named("llamacpp:requests_processing"),
    // Newer servers no longer have it.
    kvCacheUsage: named("llamacpp:kv_cache_usage_ratio"),
    generationTokens: "llamacpp:tokens_predicted_total",
  },
};

export const engines: ReadonlyMap<EngineName, EngineMetrics> = new Map(
  Object.entries(metricsOf) as [EngineName, EngineMetrics][],
);

const engineLabels = ["llm-d.ai/engine-type", "inference.networking.k8s.io/engine-type"] as const;
const aliases: ReadonlyMap<string, EngineName> = new Map<string, EngineName>([
  ["trtllm", "trtllm-serve"],
  ["llama.cpp", "llamacpp"],
]);

/** Returns the engine named by an endpoint's labels; undefined if there is none or it is unknown. */
export function engineOf(labels: Readonly<Record<string, string>>): EngineName | undefined {
  for (const label of engineLabels) {
    const value = Object.hasOwn(labels, label) ? labels[label] : undefined;
    if (value === undefined) continue;
    const name = aliases.get(value) ?? value;
    return engines.has(name as EngineName) ? (name as EngineName) : undefined;
  }
  return undefined;
}

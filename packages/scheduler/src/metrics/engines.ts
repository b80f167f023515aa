/** Model servers whose metrics are understood. Names are those of the reference endpoint picker's engine labels. */
export type EngineName =
  | "vllm"
  | "sglang"
  | "trtllm-serve"
  | "triton-tensorrt-llm"
  | "tgi"
  | "llamacpp";

/** Samples of this name, with these labels. */
export interface Selector {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** What a server calls what a pick is made from. Of several selectors the first that the page has counts. */
export interface EngineMetrics {
  readonly waitingRequests: readonly Selector[];
  readonly runningRequests: readonly Selector[];
  /** Empty where the server does not tell. */
  readonly kvCacheUsage: readonly Selector[];
  /** Block size and count of the KV cache: as labels of an info metric, or as metrics. */
  readonly cache?:
    | { readonly info: string; readonly blockTokens: string; readonly blocks: string }
    | { readonly blockTokens: Selector; readonly blocks: Selector };
  readonly lora?: {
    readonly requestsInfo: string;
    readonly loaded: string;
    readonly maxLoaded: string;
  };
  readonly generationTokens?: string;
  /** Requests that it runs at once. */
  readonly seats?: Selector;
  /** Most LoRA adapters on the GPU at once, where no `lora` says it. */
  readonly adapterSlots?: Selector;
  /** A gauge for each state of the engine, 1 for the present one; `label` names the state, `ready` is the one that serves. */
  readonly state?: { readonly name: string; readonly label: string; readonly ready: string };
  /** Names that the page has before a first request, besides those above. */
  readonly early?: readonly string[];
}

/** vLLM's names of the metrics that a pick is made from. */
export const vllmMetricNames = {
  waitingRequests: "vllm:num_requests_waiting",
  runningRequests: "vllm:num_requests_running",
  kvCacheUsage: "vllm:kv_cache_usage_perc",
  /** As vLLM's V0 engine called it. */
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
    // Newer servers do not have it any more.
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

/** The engine that an endpoint's labels name; undefined where they name none that is known. */
export function engineOf(labels: Readonly<Record<string, string>>): EngineName | undefined {
  for (const label of engineLabels) {
    const value = Object.hasOwn(labels, label) ? labels[label] : undefined;
    if (value === undefined) continue;
    const name = aliases.get(value) ?? value;
    return engines.has(name as EngineName) ? (name as EngineName) : undefined;
  }
  return undefined;
}

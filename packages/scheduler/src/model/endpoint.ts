/** One model server of a pool, at the moment of a decision. */
export interface Endpoint {
  /** `ip:port`, the form Envoy expects in `x-gateway-destination-endpoint`. */
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly metrics: MetricsState;
  /** Requests that this process, and those that report to it, have sent to the endpoint and that have not finished. */
  readonly inFlight: number;
  /** Prompt tokens, minus the probably cached ones, of requests in flight without a first token. */
  readonly pendingPromptTokens: number;
  /** Output tokens expected from all requests in flight. */
  readonly pendingOutputTokens: number;
  /** Moving average of the time to first token, in ms; undefined if none was measured for a minute. */
  readonly ttftMs: number | undefined;
  /** False while the server's metrics page or health page reports that it can't serve requests soon. */
  readonly isReady: boolean;
  /** Whether the endpoint is ejected after consecutive errors. */
  readonly isEjected: boolean;
  /**
   * Error share of recent answers minus that of the best endpoint, 0 to 1; 0 if all endpoints have the same share.
   * Answers lose half their weight every 10 s.
   */
  readonly errorShare: number;
  /** Whether picks avoid the endpoint because it answers far more often with errors than the others. */
  readonly isAvoided: boolean;
  /** Requests in flight sent since the newest scrape began, which the scraped counts can't include yet. */
  readonly sentSinceScrape: number;
  /** Adapters that this process recently sent requests for, at most as many as fit on the endpoint. */
  readonly recentAdapters: ReadonlySet<string>;
  /**
   * Most requests the server runs at once (vLLM's `max_num_seqs`): reported by the server, or learned from its batch
   * size while requests waited. Undefined if unknown.
   */
  readonly seats: number | undefined;
}

/** What is known about an endpoint's load. Unknown load is a separate state, never zeros. */
export type MetricsState =
  | { readonly kind: "missing" }
  | { readonly kind: "stale"; readonly metrics: ModelServerMetrics }
  | { readonly kind: "fresh"; readonly metrics: ModelServerMetrics };

/**
 * State that a model server reports. Only a `ready` engine serves requests soon. `asleep`: its weights are off the GPU.
 * `loading`: it can't run a request yet. `draining`: it accepts no new requests.
 */
export type EngineState = "ready" | "asleep" | "loading" | "draining";

/** Result of one scrape of a model server's `/metrics`. */
export interface ModelServerMetrics {
  /** When the scrape finished, in ms of the pool's clock. */
  readonly scrapedAtMs: number;
  /** Requests admitted but not running yet. vLLM: `vllm:num_requests_waiting`, summed over engines. */
  readonly waitingRequests: number;
  /** Requests in the running batch. vLLM: `vllm:num_requests_running`, summed over engines. */
  readonly runningRequests: number;
  /**
   * Share of KV-cache blocks in use, 0 to 1 despite vLLM's name; absent if the server does not report it. vLLM:
   * `vllm:kv_cache_usage_perc`, the fullest engine.
   */
  readonly kvCacheUsage?: number;
  /** LoRA adapters with requests running or waiting. vLLM: both lists of `vllm:lora_requests_info`. */
  readonly activeAdapters: ReadonlySet<string>;
  /**
   * Names of all adapters on the page, in use or not; absent if there are none. Distinguishes adapters from base models
   * if the model list can't be read.
   */
  readonly namedAdapters?: ReadonlySet<string>;
  /**
   * Adapters on the GPU, including idle ones; absent if the server does not report them. vLLM:
   * `vllm:lora_adapter_loaded`.
   */
  readonly loadedAdapters?: ReadonlySet<string>;
  /**
   * Most adapters on the GPU at once; 0 if the server has LoRA disabled. Absent if not reported: vLLM shows the gauge
   * only after a first request, other servers don't have one. vLLM: `max_lora`.
   */
  readonly maxActiveAdapters?: number;
  /** Tokens in a KV-cache block. vLLM: `block_size` of `vllm:cache_config_info`. */
  readonly kvBlockTokens?: number;
  /** KV-cache blocks on the GPU. vLLM: `num_gpu_blocks` of `vllm:cache_config_info`. */
  readonly kvBlocks?: number;
  /**
   * False if the server runs but its page has no request gauges yet, which some servers show only after a first
   * request. Both counts are then 0, and this process's requests in flight are used instead. True when absent.
   */
  readonly showsLoad?: boolean;
  /** State of the engine; absent if not reported, which counts as ready. vLLM: `vllm:engine_sleep_state`. */
  readonly state?: EngineState;
  /** Most requests the server runs at once; absent if not reported. TensorRT-LLM: `trtllm_max_num_active_requests`. */
  readonly maxRunningRequests?: number;
  /** Start time of the server's process, in s since 1970. A later value means a restart. */
  readonly processStartS?: number;
  /** Tokens generated since the server started. A smaller value than before also means a restart. */
  readonly generationTokens?: number;
}

/** Returns the newest metrics, even if stale; undefined before the first scrape. */
export function knownMetrics({ metrics }: Endpoint): ModelServerMetrics | undefined {
  return metrics.kind === "missing" ? undefined : metrics.metrics;
}

/**
 * True if the adapter is probably on the endpoint: the server reports it, or this process recently sent a request for
 * it.
 */
export function holdsAdapter(endpoint: Endpoint, adapter: string): boolean {
  // vLLM lists only adapters with requests in flight. Idle adapters stay loaded, so the pool tracks them.
  if (endpoint.recentAdapters.has(adapter)) return true;
  const metrics = knownMetrics(endpoint);
  if (metrics === undefined) return false;
  return metrics.activeAdapters.has(adapter) || metrics.loadedAdapters?.has(adapter) === true;
}

/** Adapter slots assumed if a server does not report them: SGLang's default. */
const defaultAdapterSlots = 8;

/** Number of adapters that fit on the GPU at once. */
export function adapterSlots(endpoint: Endpoint): number {
  return knownMetrics(endpoint)?.maxActiveAdapters ?? defaultAdapterSlots;
}

const none: ReadonlySet<string> = new Set();
const noAdapters: Pick<ModelServerMetrics, "activeAdapters" | "loadedAdapters"> = {
  activeAdapters: none,
};

/**
 * True if one more adapter fits without evicting another. For an endpoint that was never scraped, only adapters of this
 * process's requests count.
 */
export function hasAdapterRoom(endpoint: Endpoint): boolean {
  const { activeAdapters, loadedAdapters = none } = knownMetrics(endpoint) ?? noAdapters;
  let held = activeAdapters.size;
  for (const adapter of loadedAdapters) if (!activeAdapters.has(adapter)) held++;
  for (const adapter of endpoint.recentAdapters) {
    if (!activeAdapters.has(adapter) && !loadedAdapters.has(adapter)) held++;
  }
  return held < adapterSlots(endpoint);
}

/** One model server of a pool, as it is at the moment of a decision. */
export interface Endpoint {
  /** `ip:port`, the form Envoy expects in `x-gateway-destination-endpoint`. */
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly metrics: MetricsState;
  /** Requests that this process has sent there and not yet seen finished. */
  readonly inFlight: number;
  /** Prompt tokens of those of them that have no first token yet, without what was probably cached. */
  readonly pendingPromptTokens: number;
  /** Output tokens that those in flight are expected to make in all. */
  readonly pendingOutputTokens: number;
  /** Time to first token lately, in ms; undefined where none was seen for a minute. */
  readonly ttftMs: number | undefined;
  /** False while its server says that it serves no requests soon: on its metrics page, or its health page. */
  readonly isReady: boolean;
  /** Errors in a row have put it out of use for a while. */
  readonly isEjected: boolean;
  /**
   * Share of its latest answers that were errors, beyond the share of the pool's best endpoint: 0 to 1, and 0 where all
   * answer alike. Answers lose half their weight every 10 s.
   */
  readonly errorShare: number;
  /** It answers far more often with errors than the others: it gets no requests for now. */
  readonly isAvoided: boolean;
  /** Those of them sent since the newest scrape began: the scraped counts can't hold them yet. */
  readonly sentSinceScrape: number;
  /** Adapters that this process has sent there lately, at most as many as fit. */
  readonly recentAdapters: ReadonlySet<string>;
  /**
   * Requests that the server runs at once, vLLM's `max_num_seqs`: as it says, else learned from its batch while
   * requests waited. Undefined where nothing is known.
   */
  readonly seats: number | undefined;
}

/** What is known of an endpoint's load. Not knowing is a state of its own, never zeros. */
export type MetricsState =
  | { readonly kind: "missing" }
  | { readonly kind: "stale"; readonly metrics: ModelServerMetrics }
  | { readonly kind: "fresh"; readonly metrics: ModelServerMetrics };

/**
 * What a model server says it is doing. Only `ready` serves requests soon: an engine is `asleep` when its weights are
 * off the GPU, `loading` before its first request can run, `draining` when it takes no new ones.
 */
export type EngineState = "ready" | "asleep" | "loading" | "draining";

/** What one scrape of a model server's `/metrics` says. */
export interface ModelServerMetrics {
  /** When the scrape finished, in ms of the pool's clock. */
  readonly scrapedAtMs: number;
  /** Requests admitted but not running yet. vLLM: `vllm:num_requests_waiting`, summed over engines. */
  readonly waitingRequests: number;
  /** Requests in the running batch. vLLM: `vllm:num_requests_running`, summed over engines. */
  readonly runningRequests: number;
  /**
   * Share of KV-cache blocks in use, 0 to 1 despite vLLM's name; absent where the server does not say. vLLM:
   * `vllm:kv_cache_usage_perc`, the fullest engine.
   */
  readonly kvCacheUsage?: number;
  /** LoRA adapters with requests running or waiting. vLLM: both lists of `vllm:lora_requests_info`. */
  readonly activeAdapters: ReadonlySet<string>;
  /**
   * Every name on the page that is an adapter's, in use or not; absent where there is none. Tells adapters from base
   * models where the model list can't be read.
   */
  readonly namedAdapters?: ReadonlySet<string>;
  /** Adapters on the GPU, idle ones too; absent where the server does not say. vLLM: `vllm:lora_adapter_loaded`. */
  readonly loadedAdapters?: ReadonlySet<string>;
  /**
   * Most adapters on the GPU at once, 0 where the server has no LoRA. Absent where it does not tell: vLLM shows its gauge
   * only after a first request, others have none. vLLM: `max_lora`.
   */
  readonly maxActiveAdapters?: number;
  /** Tokens in a KV-cache block. vLLM: `block_size` of `vllm:cache_config_info`. */
  readonly kvBlockTokens?: number;
  /** KV-cache blocks on the GPU. vLLM: `num_gpu_blocks` of `vllm:cache_config_info`. */
  readonly kvBlocks?: number;
  /**
   * False where the page shows that the server runs, but has no request gauges yet: some servers show them only after
   * a first request. Both counts are 0 then, and this process's requests in flight count instead. True when absent.
   */
  readonly showsLoad?: boolean;
  /** Absent where the server does not say, which counts as ready. vLLM: `vllm:engine_sleep_state`. */
  readonly state?: EngineState;
  /** Requests that the server runs at once; absent where it does not say. TensorRT-LLM: `trtllm_max_num_active_requests`. */
  readonly maxRunningRequests?: number;
  /** When the server's process began, in s since 1970: another value tells a restart. */
  readonly processStartS?: number;
  /** Tokens generated since the server began: fewer than before tell a restart too. */
  readonly generationTokens?: number;
}

/** The newest metrics, stale ones too; undefined before the first scrape. */
export function knownMetrics({ metrics }: Endpoint): ModelServerMetrics | undefined {
  return metrics.kind === "missing" ? undefined : metrics.metrics;
}

/** True when the adapter is on the endpoint: it serves it now, or this process has just sent it there. */
export function holdsAdapter(endpoint: Endpoint, adapter: string): boolean {
  // vLLM lists only adapters with requests in flight; an idle one stays loaded, which only we remember.
  if (endpoint.recentAdapters.has(adapter)) return true;
  const metrics = knownMetrics(endpoint);
  if (metrics === undefined) return false;
  return metrics.activeAdapters.has(adapter) || metrics.loadedAdapters?.has(adapter) === true;
}

/** Believed to fit where a server does not tell: SGLang's default. */
const untoldAdapterSlots = 8;

/** Adapters that fit on the GPU at once. */
export function adapterSlots(endpoint: Endpoint): number {
  return knownMetrics(endpoint)?.maxActiveAdapters ?? untoldAdapterSlots;
}

const none: ReadonlySet<string> = new Set();
const nothingKnown: Pick<ModelServerMetrics, "activeAdapters" | "loadedAdapters"> = {
  activeAdapters: none,
};

/**
 * True when one more adapter fits without another being thrown out. Of an endpoint that was never scraped only what
 * this process has sent there counts.
 */
export function hasAdapterRoom(endpoint: Endpoint): boolean {
  const { activeAdapters, loadedAdapters = none } = knownMetrics(endpoint) ?? nothingKnown;
  let held = activeAdapters.size;
  for (const adapter of loadedAdapters) if (!activeAdapters.has(adapter)) held++;
  for (const adapter of endpoint.recentAdapters) {
    if (!activeAdapters.has(adapter) && !loadedAdapters.has(adapter)) held++;
  }
  return held < adapterSlots(endpoint);
}

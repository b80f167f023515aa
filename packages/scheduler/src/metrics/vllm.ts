import type { ModelServerMetrics } from "../model/endpoint.ts";
import { parsePrometheusText, type Sample } from "./prometheus-text.ts";

/** vLLM's names of the metrics that a pick is made from. */
export const vllmMetricNames = {
  waitingRequests: "vllm:num_requests_waiting",
  runningRequests: "vllm:num_requests_running",
  kvCacheUsage: "vllm:kv_cache_usage_perc",
  /** As vLLM's V0 engine called it. */
  gpuCacheUsage: "vllm:gpu_cache_usage_perc",
  loraRequestsInfo: "vllm:lora_requests_info",
  cacheConfigInfo: "vllm:cache_config_info",
} as const;

export type VllmMetrics =
  | { readonly ok: true; readonly metrics: ModelServerMetrics }
  /** Names of metrics that a pick can't do without and the page lacks. */
  | { readonly ok: false; readonly missing: readonly string[] };

const wanted: ReadonlySet<string> = new Set(Object.values(vllmMetricNames));

/**
 * Reads a metrics page of vLLM, V0 or V1. Several engines (data parallel) are one endpoint: their requests are
 * summed, and the fullest KV cache counts. A value that can't be (NaN, negative) is a missing one.
 *
 * @param scrapedAtMs when the page had arrived, in ms of the pool's clock
 */
export function vllmMetrics(page: string, scrapedAtMs: number): VllmMetrics {
  const samples = new Map<string, Sample[]>();
  for (const sample of parsePrometheusText(page, wanted)) {
    const same = samples.get(sample.name);
    if (same === undefined) samples.set(sample.name, [sample]);
    else same.push(sample);
  }
  const values = (name: string) =>
    (samples.get(name) ?? [])
      .map(({ value }) => value)
      .filter((value) => value >= 0 && value < 1e9);
  const names = vllmMetricNames;
  const waiting = values(names.waitingRequests);
  const running = values(names.runningRequests);
  const usage = values(names.kvCacheUsage);
  if (usage.length === 0) usage.push(...values(names.gpuCacheUsage));

  const missing: string[] = [];
  if (waiting.length === 0) missing.push(names.waitingRequests);
  if (running.length === 0) missing.push(names.runningRequests);
  if (usage.length === 0) missing.push(names.kvCacheUsage);
  if (missing.length > 0) return { ok: false, missing };
  return {
    ok: true,
    metrics: {
      scrapedAtMs,
      waitingRequests: sum(waiting),
      runningRequests: sum(running),
      kvCacheUsage: Math.min(1, Math.max(...usage)),
      ...adapters(samples.get(names.loraRequestsInfo) ?? []),
      ...cacheConfig(samples.get(names.cacheConfigInfo)?.[0]),
    },
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Old label combinations stay on the page; the value is the time of the last change, so the largest is the newest. */
function adapters(samples: readonly Sample[]): {
  readonly activeAdapters: ReadonlySet<string>;
  readonly maxActiveAdapters: number;
} {
  let newest: Sample | undefined;
  for (const sample of samples) {
    if (sample.value >= (newest?.value ?? Number.NEGATIVE_INFINITY)) newest = sample;
  }
  const most = Number(newest?.labels.get("max_lora") ?? 0);
  return {
    activeAdapters: new Set([
      ...list(newest?.labels.get("running_lora_adapters")),
      ...list(newest?.labels.get("waiting_lora_adapters")),
    ]),
    maxActiveAdapters: most > 0 && most < 10_000 ? Math.floor(most) : 0,
  };
}

const maxAdapters = 1_000;

function list(text: string | undefined): readonly string[] {
  if (text === undefined) return [];
  const names = text.split(",", maxAdapters).map((name) => name.trim());
  return names.filter((name) => name !== "");
}

function cacheConfig(sample: Sample | undefined): {
  readonly kvBlockTokens?: number;
  readonly kvBlocks?: number;
} {
  const positive = (label: string) => {
    const value = Number(sample?.labels.get(label));
    return Number.isSafeInteger(value) && value > 0 ? value : undefined;
  };
  const kvBlockTokens = positive("block_size");
  const kvBlocks = positive("num_gpu_blocks");
  return {
    ...(kvBlockTokens === undefined ? {} : { kvBlockTokens }),
    ...(kvBlocks === undefined ? {} : { kvBlocks }),
  };
}

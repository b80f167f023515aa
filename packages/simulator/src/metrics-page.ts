import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { EngineGauges } from "./engine.ts";
import type { SimulatorOptions } from "./options.ts";

/** Gauges that a test fixes, independent of the engine. */
export type PinnedMetrics = Partial<
  Omit<EngineGauges, "adapterLoads" | "preemptions" | "prefixQueryTokens" | "prefixHitTokens">
>;

export interface FinishedRequest {
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly finishReason: "stop" | "length" | "abort";
  /** In seconds. */
  readonly ttft: number;
  readonly e2e: number;
}

/** vLLM's metrics page. */
export interface MetricsPage {
  finished(request: FinishedRequest): void;
  render(gauges: EngineGauges): Promise<string>;
}

/** Most label combinations of the LoRA gauge. vLLM keeps all of them forever. */
const keptLoraSeries = 16;

export function createMetricsPage(options: SimulatorOptions, nowMs: () => number): MetricsPage {
  const registers = [new Registry()];
  const [registry] = registers;
  const labelNames = ["model_name", "engine"];
  const labels = { model_name: options.servedModelNames[0] ?? options.model, engine: "0" };
  const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames, registers });
  const counter = (name: string, help: string, more: readonly string[] = []) =>
    new Counter({ name, help, labelNames: [...labelNames, ...more], registers });
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name, help, labelNames, buckets, registers });

  const running = gauge(
    "vllm:num_requests_running",
    "Number of requests in model execution batches.",
  );
  const waiting = gauge("vllm:num_requests_waiting", "Number of requests waiting to be processed.");
  const usage = gauge(
    options.metricsVersion === "v1" ? "vllm:kv_cache_usage_perc" : "vllm:gpu_cache_usage_perc",
    "KV-cache usage. 1 means 100 percent usage.",
  );
  const preemptions = gauge("vllm:num_preemptions", "Preemptions of the engine so far.");
  const cacheConfig = new Gauge({
    name: "vllm:cache_config_info",
    help: "Information of the LLMEngine CacheConfig",
    labelNames: ["block_size", "num_gpu_blocks", "engine"],
    registers,
  });
  cacheConfig.set(
    { block_size: options.blockSize, num_gpu_blocks: options.numGpuBlocks, engine: "0" },
    1,
  );
  const lora = new Gauge({
    name: "vllm:lora_requests_info",
    help: "Running stats on lora requests.",
    labelNames: ["max_lora", "running_lora_adapters", "waiting_lora_adapters"],
    registers,
  });
  const success = counter(
    "vllm:request_success_total",
    "Count of successfully processed requests.",
    ["finished_reason"],
  );
  const promptTokens = counter("vllm:prompt_tokens_total", "Number of prefill tokens processed.");
  const outputTokens = counter(
    "vllm:generation_tokens_total",
    "Number of generation tokens processed.",
  );
  const ttft = histogram(
    "vllm:time_to_first_token_seconds",
    "Histogram of time to first token in seconds.",
    [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  );
  const tpot = histogram(
    "vllm:time_per_output_token_seconds",
    "Histogram of time per output token in seconds.",
    [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1],
  );
  const e2e = histogram(
    "vllm:e2e_request_latency_seconds",
    "Histogram of e2e request latency in seconds.",
    [0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60],
  );
  const series: string[] = [];

  function setLora({ runningAdapters, waitingAdapters }: EngineGauges): void {
    if (!options.enableLora) return;
    const loraLabels = {
      max_lora: String(options.maxLoras),
      running_lora_adapters: runningAdapters.join(","),
      waiting_lora_adapters: waitingAdapters.join(","),
    };
    const key = JSON.stringify(loraLabels);
    const at = series.indexOf(key);
    if (at === series.length - 1 && at >= 0) return;
    if (at >= 0) series.splice(at, 1);
    series.push(key);
    if (series.length > keptLoraSeries) {
      lora.remove(JSON.parse(series.shift() ?? "{}") as typeof loraLabels);
    }
    lora.set(loraLabels, nowMs() / 1_000);
  }

  return {
    finished(request) {
      success.inc({ ...labels, finished_reason: request.finishReason });
      promptTokens.inc(labels, request.promptTokens);
      outputTokens.inc(labels, request.outputTokens);
      ttft.observe(labels, request.ttft);
      e2e.observe(labels, request.e2e);
      if (request.outputTokens > 1) {
        tpot.observe(labels, (request.e2e - request.ttft) / (request.outputTokens - 1));
      }
    },
    async render(gauges) {
      running.set(labels, gauges.running);
      waiting.set(labels, gauges.waiting);
      usage.set(labels, gauges.kvCacheUsage);
      preemptions.set(labels, gauges.preemptions);
      setLora(gauges);
      return registry === undefined ? "" : registry.metrics();
    },
  };
}

const histograms = [
  "time_to_first_token_seconds",
  "time_per_output_token_seconds",
  "inter_token_latency_seconds",
  "e2e_request_latency_seconds",
  "request_queue_time_seconds",
  "request_inference_time_seconds",
  "request_prefill_time_seconds",
  "request_decode_time_seconds",
  "request_prompt_tokens",
  "request_generation_tokens",
  "iteration_tokens_total",
] as const;

/** A metrics page such as vLLM's, of about this many bytes: mostly buckets of histograms, for many models. */
export function vllmPage(bytes: number): string {
  const gauges = (engine: number) => {
    const labels = `{engine="${engine}",model_name="meta-llama/Llama-3.1-8B-Instruct"}`;
    return [
      `vllm:num_requests_running${labels} ${engine === 0 ? "7.0" : "0.0"}`,
      `vllm:num_requests_waiting${labels} 2.0`,
      `vllm:kv_cache_usage_perc${labels} 0.25`,
      `vllm:generation_tokens_total${labels} 4.5e+06`,
    ];
  };
  const lines = [
    "# HELP python_gc_objects_collected_total Objects collected during gc",
    "# TYPE python_gc_objects_collected_total counter",
    'python_gc_objects_collected_total{generation="0"} 9871.0',
    "process_start_time_seconds 1.75e+09",
    ...gauges(0),
    'vllm:cache_config_info{block_size="16",cache_dtype="auto",engine="0",num_gpu_blocks="27000"} 1.0',
    'vllm:lora_requests_info{max_lora="4",running_lora_adapters="a,b",waiting_lora_adapters=""} 1.75e+09',
  ];
  let size = lines.join("\n").length;
  for (let i = 0; size < bytes; i++) {
    const name = `vllm:${histograms[i % histograms.length]}`;
    const more = [`# HELP ${name} Histogram of it.`, `# TYPE ${name} histogram`];
    for (let bucket = 0; bucket < 20; bucket++) {
      more.push(
        `${name}_bucket{engine="${i}",le="${0.001 * 2 ** bucket}",model_name="meta-llama/Llama-3.1-8B-Instruct"} ${bucket * 17}.0`,
      );
    }
    lines.push(...more);
    size += more.join("\n").length + 1;
  }
  return `${lines.join("\n")}\n`;
}

import { describe, expect, test } from "@jest/globals";
import { parsePrometheusText, vllmMetrics } from "@umbra/scheduler/metrics";
import fc from "fast-check";

const v1 = `# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 4.0
vllm:num_requests_waiting{engine="0",model_name="m"} 2.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.5
vllm:cache_config_info{block_size="16",engine="0",num_gpu_blocks="2048"} 1.0
vllm:lora_requests_info{max_lora="4",running_lora_adapters="old",waiting_lora_adapters=""} 1.7e+09
vllm:lora_requests_info{max_lora="4",running_lora_adapters="sql-lora, tweet",waiting_lora_adapters="cold"} 1.8e+09
`;

describe("vllmMetrics", () => {
  test("reads a V1 page: sums engines, takes the fullest cache and the newest adapters", () => {
    expect(vllmMetrics(v1, 7)).toEqual({
      ok: true,
      metrics: {
        scrapedAtMs: 7,
        waitingRequests: 2,
        runningRequests: 7,
        kvCacheUsage: 0.5,
        activeAdapters: new Set(["sql-lora", "tweet", "cold"]),
        maxActiveAdapters: 4,
        kvBlockTokens: 16,
        kvBlocks: 2048,
      },
    });
  });

  test("reads V0's name of the cache usage, and a server without LoRA", () => {
    const page =
      "vllm:num_requests_running 0\nvllm:num_requests_waiting 0\nvllm:gpu_cache_usage_perc 0.125\n";
    expect(vllmMetrics(page, 0)).toMatchObject({
      ok: true,
      metrics: { kvCacheUsage: 0.125, maxActiveAdapters: 0 },
    });
  });

  test.each([
    { name: "an empty page", page: "" },
    { name: "another server's page", page: "go_goroutines 12\n" },
    { name: "NaN", page: v1.replaceAll(/(running|waiting|usage_perc)(\{[^}]*\}) .*/g, "$1$2 NaN") },
    {
      name: "negative values",
      page: v1.replaceAll(/(running|waiting|usage_perc)(\{[^}]*\}) /g, "$1$2 -"),
    },
  ])("says what is missing, never zeros: $name", ({ page }) => {
    expect(vllmMetrics(page, 0)).toEqual({
      ok: false,
      missing: [
        "vllm:num_requests_waiting",
        "vllm:num_requests_running",
        "vllm:kv_cache_usage_perc",
      ],
    });
  });
});

describe("parsePrometheusText", () => {
  test.each([
    {
      name: "escapes in labels",
      line: 'm{a="x\\"y\\\\z\\n"} 1',
      want: { labels: [["a", 'x"y\\z\n']], value: 1 },
    },
    { name: "a timestamp", line: "m 2 1700000000000", want: { labels: [], value: 2 } },
    {
      name: "an exemplar",
      line: 'm{le="1"} 3 # {trace_id="abc"} 0.5',
      want: { labels: [["le", "1"]], value: 3 },
    },
    { name: "infinity", line: "m +Inf", want: { labels: [], value: Number.POSITIVE_INFINITY } },
    { name: "braces in labels", line: 'm{a="{}"} 4', want: { labels: [["a", "{}"]], value: 4 } },
    { name: "a carriage return", line: "m 5\r", want: { labels: [], value: 5 } },
    { name: "empty labels", line: "m{} 6", want: { labels: [], value: 6 } },
  ])("reads $name", ({ line, want }) => {
    const [sample] = parsePrometheusText(`garbage {{{\n${line}\n# EOF`, new Set(["m"]));
    expect([...(sample?.labels ?? [])]).toEqual(want.labels);
    expect(sample?.value).toBe(want.value);
  });

  test.each(["m", "m{", 'm{a="b} 1', "m{a=b} 1", "m x", 'm{="b"} 1'])("skips %s", (line) => {
    expect(parsePrometheusText(line, new Set(["m"]))).toEqual([]);
  });

  test("never throws, and ends", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'m{}="\\,\n# 1aN') }), (text) => {
        parsePrometheusText(text, new Set(["m"]));
      }),
    );
  });
});

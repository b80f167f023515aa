import { describe, expect, test } from "@jest/globals";
import { parsePrometheusText, wantedNames } from "@umbra/scheduler/internal";
import { engineOf, readMetricsPage } from "@umbra/scheduler/metrics";
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

describe("a metrics page of vLLM", () => {
  test("reads a V1 page: sums engines, takes the fullest cache and the newest adapters", () => {
    expect(readMetricsPage(v1, 7)).toEqual({
      ok: true,
      engine: "vllm",
      metrics: {
        scrapedAtMs: 7,
        waitingRequests: 2,
        runningRequests: 7,
        kvCacheUsage: 0.5,
        activeAdapters: new Set(["sql-lora", "tweet", "cold"]),
        namedAdapters: new Set(["sql-lora", "tweet", "cold"]),
        maxActiveAdapters: 4,
        kvBlockTokens: 16,
        kvBlocks: 2048,
      },
    });
  });

  test("reads V0's name of the cache usage, and a server that has served and shows no LoRA", () => {
    const page = `vllm:num_requests_running 0
vllm:num_requests_waiting 0
vllm:gpu_cache_usage_perc 0.125
vllm:generation_tokens_total 7
`;
    expect(readMetricsPage(page, 0)).toMatchObject({
      ok: true,
      metrics: { kvCacheUsage: 0.125, maxActiveAdapters: 0 },
    });
  });

  test("before its first request a server does not report LoRA: its gauge appears with requests", () => {
    const page = v1.replaceAll(/vllm:lora_requests_info.*\n/g, "");
    for (const fresh of [page, `${page}vllm:generation_tokens_total 0\n`]) {
      const read = readMetricsPage(fresh, 0);
      expect(read.ok && read.metrics).not.toHaveProperty("maxActiveAdapters");
    }
  });

  test("adds up the KV blocks of data parallel engines", () => {
    const page = `${v1}vllm:cache_config_info{block_size="16",engine="1",num_gpu_blocks="1000"} 1.0
vllm:cache_config_info{block_size="16",engine="2",num_gpu_blocks="None"} 1.0
`;
    expect(readMetricsPage(page, 0)).toMatchObject({
      metrics: { kvBlockTokens: 16, kvBlocks: 3048 },
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
    expect(readMetricsPage(page, 0)).toEqual({
      ok: false,
      missing: [
        "vllm:num_requests_waiting",
        "vllm:num_requests_running",
        "vllm:kv_cache_usage_perc",
      ],
    });
  });
});

test("the newer LoRA metrics include idle adapters", () => {
  const page = `${v1}vllm:lora_adapter_loaded{adapter_name="idle",level="gpu",pinned="False",rank="0"} 1.0
vllm:lora_adapter_loaded{adapter_name="plain"} 1.0
vllm:lora_adapter_loaded{adapter_name="asleep",level="cpu"} 1.0
vllm:lora_adapter_loaded{adapter_name="gone",level="gpu"} 0.0
vllm:lora_adapter_loaded{level="gpu"} 1.0
vllm:max_gpu_lora_adapters 6
process_start_time_seconds 1.75e+09
vllm:generation_tokens_total{engine="0"} 40
vllm:generation_tokens_total{engine="1"} 2
`;
  expect(readMetricsPage(page, 0)).toMatchObject({
    metrics: {
      loadedAdapters: new Set(["idle", "plain"]),
      maxActiveAdapters: 6,
      processStartS: 1.75e9,
      generationTokens: 42,
    },
  });
});

test.each([
  ["max_lora", "nonsense", 0],
  ["max_lora", "0", 0],
  ["max_lora", "1e9", 0],
  ["max_lora", "2.7", 2],
])("%s of %s counts as %d", (_label, value, want) => {
  const page = v1.replaceAll('max_lora="4"', `max_lora="${value}"`);
  expect(readMetricsPage(page, 0)).toMatchObject({ metrics: { maxActiveAdapters: want } });
});

test("cache sizes that make no sense are left out", () => {
  const page = v1.replace('num_gpu_blocks="2048"', 'num_gpu_blocks="None"').replace('"16"', '"-1"');
  const read = readMetricsPage(page, 0);
  expect(read.ok && "kvBlocks" in read.metrics).toBe(false);
  expect(read.ok && "kvBlockTokens" in read.metrics).toBe(false);
});

const pages = [
  {
    engine: "sglang",
    page: `sglang:num_queue_reqs{model_name="m"} 3
sglang:num_running_reqs{model_name="m"} 5
sglang:token_usage{model_name="m"} 0.4
sglang:cache_config_info{page_size="1",num_pages="9000"} 1
sglang:generation_tokens_total 77
`,
    want: { kvCacheUsage: 0.4, kvBlockTokens: 1, kvBlocks: 9_000, generationTokens: 77 },
  },
  {
    engine: "trtllm-serve",
    page: `trtllm_num_requests_waiting 3
trtllm_num_requests_running 5
trtllm_kv_cache_utilization 0.4
trtllm_kv_cache_tokens_per_block 32
trtllm_kv_cache_max_blocks 500
`,
    want: { kvCacheUsage: 0.4, kvBlockTokens: 32, kvBlocks: 500 },
  },
  {
    engine: "triton-tensorrt-llm",
    page: `nv_trt_llm_request_metrics{model="m",request_type="waiting",version="1"} 3
nv_trt_llm_request_metrics{model="m",request_type="scheduled",version="1"} 5
nv_trt_llm_request_metrics{model="m",request_type="max",version="1"} 512
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="fraction",model="m"} 0.4
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="tokens_per",model="m"} 64
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="max",model="m"} 700
`,
    want: { kvCacheUsage: 0.4, kvBlockTokens: 64, kvBlocks: 700 },
  },
  {
    engine: "tgi",
    page: "tgi_queue_size 3\ntgi_batch_current_size 5\n",
    want: {},
  },
  {
    engine: "llamacpp",
    page: `llamacpp:requests_deferred 3
llamacpp:requests_processing 5
llamacpp:kv_cache_usage_ratio 0.4
llamacpp:tokens_predicted_total 12
`,
    want: { kvCacheUsage: 0.4, generationTokens: 12 },
  },
  {
    engine: "llamacpp",
    page: "llamacpp:requests_deferred 3\nllamacpp:requests_processing 5\n",
    want: {},
  },
] as const;

describe("a metrics page of other servers", () => {
  test.each(pages)("$engine", ({ engine, page, want }) => {
    const metrics = {
      scrapedAtMs: 9,
      waitingRequests: 3,
      runningRequests: 5,
      activeAdapters: new Set(),
      ...want,
    };
    expect(readMetricsPage(page, 9)).toEqual({ ok: true, engine, metrics });
    expect(readMetricsPage(page, 9, engine)).toEqual({ ok: true, engine, metrics });
  });

  test("is read as the given engine", () => {
    expect(readMetricsPage(v1, 0, "tgi")).toEqual({
      ok: false,
      missing: ["tgi_queue_size", "tgi_batch_current_size"],
    });
  });

  test.each([
    [{ "llm-d.ai/engine-type": "sglang" }, "sglang"],
    [{ "inference.networking.k8s.io/engine-type": "trtllm" }, "trtllm-serve"],
    [{ "inference.networking.k8s.io/engine-type": "llama.cpp" }, "llamacpp"],
    [{ "llm-d.ai/engine-type": "vllm", "inference.networking.k8s.io/engine-type": "tgi" }, "vllm"],
    [{ "llm-d.ai/engine-type": "mystery" }, undefined],
    [{ app: "vllm" }, undefined],
  ])("labels %j name %s", (labels, want) => {
    expect(engineOf(labels)).toBe(want);
  });
});

const m = wantedNames(["m"]);

/** What the format says, a line at a time and without care for speed. */
function slowValues(page: string, name: string): readonly number[] {
  return page.split("\n").flatMap((line) => {
    const found = new RegExp(`^${name}(?:[ \\t]*\\{[^}]*\\})?[ \\t]+(\\S+)`).exec(line);
    return found === null ? [] : [Number(found[1])];
  });
}

describe("parsePrometheusText", () => {
  test.each([
    ["blanks before a name", ' m{a="1"} 1\n\t m 2\n  # m 3\n   '],
    ["a byte order mark", '\ufeffm{a="1"} 1\nm 2\n'],
    ["line ends of Windows", 'm{a="1"} 1\r\n\r\nm 2\r\n'],
  ])("skips %s", (_name, page) => {
    const wanted = wantedNames(["m"]);
    for (const each of [page, new TextEncoder().encode(page)]) {
      expect(parsePrometheusText(each, wanted).map(({ value }) => value)).toEqual([1, 2]);
    }
  });

  test("agrees with a slow reader on pages of any samples", () => {
    const name = fc.constantFrom("m", "mm", "m_total", "other:m", "vllm:m");
    const line = fc.oneof(
      fc
        .record({
          name,
          value: fc.double({ noNaN: true, noDefaultInfinity: true }),
          labels: fc.constantFrom("", '{a="b"}', '{a="b",le="+Inf"}', " "),
        })
        .map((each) => `${each.name}${each.labels} ${each.value}`),
      fc.constantFrom("# HELP m what it is", "# TYPE m gauge", "", "garbage", "m"),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 30 }), fc.boolean(), (lines, endsWithNewline) => {
        const page = lines.join("\n") + (endsWithNewline ? "\n" : "");
        expect(parsePrometheusText(page, m).map(({ value }) => value)).toEqual(
          slowValues(page, "m"),
        );
      }),
    );
  });

  test("finds names of any length, and none by their beginning alone", () => {
    const name = fc.string({
      unit: fc.constantFrom("a", "b", ":", "_"),
      minLength: 1,
      maxLength: 12,
    });
    const names = fc.uniqueArray(name, { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(names, fc.array(name, { maxLength: 20 }), (wanted, given) => {
        const lines = [...given, ...wanted];
        const page = lines.map((each, i) => `${each} ${i}\n`).join("");
        const found = parsePrometheusText(page, wantedNames(wanted)).map(({ value }) => value);
        expect(found).toEqual(lines.flatMap((each, i) => (wanted.includes(each) ? [i] : [])));
      }),
    );
  });

  // Picks wait meanwhile: a page of 4 MB took 0.4 to 1 s.
  const labels = Array.from({ length: 63 }, (_, i) => `l${i}="v"`).join(",");
  test.each([
    { name: "labels", line: `m{${labels}} 1\n`, count: 8_000 },
    { name: "escapes", line: `m{a="${"\\\\".repeat(30_000)}"} 1\n`, count: 60 },
    { name: "long lines", line: `m{a="${"x".repeat(60_000)}"} 1\n`, count: 66 },
    { name: "lines", line: "\n", count: 4_000_000 },
    { name: "comments", line: "#\n", count: 2_000_000 },
  ])("reads nothing of a page of too many $name", ({ line, count }) => {
    expect(parsePrometheusText(`m 1\n${line.repeat(count)}`, m)).toEqual([]);
  });

  test("reads of labels only those that are asked for", () => {
    const asked = wantedNames(["m", "n"], new Map([["m", ["b"]]]));
    const line = '{a="1",b="2\\n",c="3"} 4\n';
    expect(parsePrometheusText(`m${line}n${line}`, asked)).toEqual([
      { name: "m", labels: new Map([["b", "2\n"]]), value: 4 },
      { name: "n", labels: new Map(), value: 4 },
    ]);
  });

  test("reads all of what a server of 500 adapters and 16 engines says", () => {
    const adapters = Array.from({ length: 500 }, (_, i) => `adapter-${i}`).join(",");
    const engines = Array.from({ length: 16 }, (_, i) => `m{engine="${i}",model_name="a\\"b"} 1\n`);
    const page = `m{max_lora="4",running_lora_adapters="${adapters}"} 2\n`.repeat(16);
    expect(parsePrometheusText(page + engines.join(""), m)).toHaveLength(32);
  });

  test("reads the bytes of a page as its text", () => {
    const page = 'm{a="é"} 1\nother 2\nm 3';
    const bytes = new TextEncoder().encode(page);
    expect(parsePrometheusText(bytes, m)).toEqual(parsePrometheusText(page, m));
    expect(parsePrometheusText(bytes, m)[0]?.labels.get("a")).toBe("é");
  });

  test("distinguishes names with the same hash, and one name from the same name twice", () => {
    const wanted = wantedNames(["m", "m", "vllm:m"]);
    expect([...wanted.names]).toEqual(["m", "vllm:m"]);
    const forged = {
      ...m,
      byHash: new Map([...m.byHash].map(([hash, names]) => [hash, ["x", "mm", ...names]])),
    };
    expect(parsePrometheusText("m 1", forged)).toHaveLength(1);
  });

  test("reads at most 10,000 samples, 64 labels and 65,536 characters a line", () => {
    expect(parsePrometheusText("m 1\n".repeat(10_001), m)).toHaveLength(10_000);
    const labels = (count: number) =>
      `m{${Array.from({ length: count }, (_, i) => `l${i}="x"`).join(",")}} 1`;
    expect(parsePrometheusText(labels(64), m)).toHaveLength(1);
    expect(parsePrometheusText(labels(66), m)).toHaveLength(0);
    expect(parsePrometheusText(`m{a="${"x".repeat(65_536)}"} 1\nm 2`, m)).toMatchObject([
      { value: 2 },
    ]);
  });

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
    {
      name: "odd spacing",
      line: 'm{ ,a="b" , ,c="d",} 7',
      want: {
        labels: [
          ["a", "b"],
          ["c", "d"],
        ],
        value: 7,
      },
    },
    { name: "empty labels", line: "m{} 6", want: { labels: [], value: 6 } },
  ])("reads $name", ({ line, want }) => {
    const [sample] = parsePrometheusText(`garbage {{{\n${line}\n# EOF`, m);
    expect([...(sample?.labels ?? [])]).toEqual(want.labels);
    expect(sample?.value).toBe(want.value);
  });

  test.each(["m", "m{", 'm{a="b} 1', "m{a=b} 1", "m x", 'm{="b"} 1'])("skips %s", (line) => {
    expect(parsePrometheusText(line, m)).toEqual([]);
  });

  test("never throws, and ends", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'m{}="\\,\n# 1aN') }), (text) => {
        parsePrometheusText(text, m);
      }),
    );
  });
});

describe("a page before a first request", () => {
  test.each([
    { name: "a Python server", page: 'python_info{version="3.12"} 1.0\n', engine: "vllm" },
    { name: "vLLM", page: 'vllm:cache_config_info{block_size="16"} 1\n', engine: "vllm" },
    { name: "SGLang", page: "sglang:max_total_num_tokens 9000\n", engine: "sglang" },
    { name: "TGI", page: "tgi_batch_max_total_tokens 4096\n", engine: "tgi" },
  ])("shows no load yet: $name", ({ page, engine }) => {
    expect(readMetricsPage(page, 7)).toMatchObject({
      ok: true,
      engine,
      metrics: { scrapedAtMs: 7, waitingRequests: 0, runningRequests: 0, showsLoad: false },
    });
  });

  test("reports when the process started and how large its cache is", () => {
    const page = `process_start_time_seconds 1.75e9
vllm:cache_config_info{block_size="16",num_gpu_blocks="100"} 1
`;
    expect(readMetricsPage(page, 0)).toMatchObject({
      metrics: { showsLoad: false, processStartS: 1.75e9, kvBlockTokens: 16, kvBlocks: 100 },
    });
  });

  test.each([
    {
      name: "nothing but a Python process",
      page: '# HELP python_info x\r\n\r\npython_info{version="3.12"} 1.0\r\nprocess_start_time_seconds 1.75e9\npython_gc_collections_total{generation="0"} 5\n \n# EOF\n',
    },
    { name: "lines with blanks before them", page: "  python_info 1.0\n\t# x\n" },
    { name: "a page behind a byte order mark", page: "\ufeffpython_info 1.0\n" },
    {
      name: "an engine that has generated nothing",
      page: 'python_info 1.0\nvllm:generation_tokens_total{engine="0"} 0\nvllm:kv_cache_usage_perc 0\n',
    },
  ])("is one of $name, as text and as bytes", ({ page }) => {
    const want = { ok: true, metrics: { showsLoad: false } };
    expect(readMetricsPage(page, 0)).toMatchObject(want);
    expect(readMetricsPage(new TextEncoder().encode(page), 0)).toMatchObject(want);
  });

  test.each([
    {
      name: "a Go exporter",
      page: "# HELP go_goroutines x\ngo_goroutines 9\nprocess_start_time_seconds 1.75e9\n",
    },
    {
      name: "another Python server",
      page: 'python_info 1.0\nprocess_start_time_seconds 1.75e9\nhttp_requests_total{path="/"} 3\n',
    },
    {
      name: "vLLM with renamed metrics",
      page: "python_info 1.0\nvllm_num_requests_waiting 40\nvllm_num_requests_running 256\n",
    },
    {
      name: "vLLM with renamed gauges that has generated tokens",
      page: `vllm:cache_config_info{block_size="16"} 1
vllm:queue 40
vllm:batch 256
vllm:generation_tokens_total{engine="0"} 0
vllm:generation_tokens_total{engine="1"} 90
`,
    },
    {
      name: "vLLM with renamed gauges that has a part of its cache in use",
      page: 'vllm:cache_config_info{block_size="16"} 1\nvllm:queue 40\nvllm:kv_cache_usage_perc 0.4\n',
    },
  ])("is not one of $name", ({ page }) => {
    for (const each of [page, new TextEncoder().encode(page)]) {
      expect(readMetricsPage(each, 0)).toMatchObject({
        ok: false,
        missing: expect.arrayContaining(["vllm:num_requests_waiting", "vllm:num_requests_running"]),
      });
    }
  });

  test.each(["\r", " \r", "\t", "\u2028", "\n\r", "#\r"])(
    "is recognized in time linear in the page: many %j",
    (part) => {
      const page = `python_info 1.0\n${part.repeat(200_000 / part.length)}x 1\n`;
      const startedMs = performance.now();
      expect(readMetricsPage(Buffer.from(page), 0)).toHaveProperty("ok");
      expect(performance.now() - startedMs).toBeLessThan(2_000);
    },
  );

  test("is no page of a server that shows a part of its load", () => {
    const page = 'python_info 1.0\nvllm:num_requests_running{engine="0"} 3\n';
    expect(readMetricsPage(page, 0)).toEqual({
      ok: false,
      missing: ["vllm:num_requests_waiting", "vllm:kv_cache_usage_perc"],
    });
  });
});

const load = (running: number, waiting = 0) => `vllm:num_requests_running{engine="0"} ${running}
vllm:num_requests_waiting{engine="0"} ${waiting}
vllm:kv_cache_usage_perc{engine="0"} 0
`;
const sleep = (engine: number, state: string, value: number) =>
  `vllm:engine_sleep_state{engine="${engine}",sleep_state="${state}"} ${value}\n`;

describe("the state of an engine", () => {
  test.each([
    { name: "awake", page: sleep(0, "awake", 1) + sleep(0, "discard_all", 0), want: "ready" },
    {
      name: "weights offloaded",
      page: sleep(0, "awake", 0) + sleep(0, "weights_offloaded", 1),
      want: "asleep",
    },
    {
      name: "all discarded",
      page: sleep(0, "awake", 0) + sleep(0, "discard_all", 1),
      want: "asleep",
    },
    {
      name: "one of two asleep",
      page: sleep(0, "awake", 1) + sleep(1, "discard_all", 1),
      want: "asleep",
    },
    { name: "no state reported", page: "", want: undefined },
    { name: "no label", page: "vllm:engine_sleep_state 1\n", want: undefined },
  ])("$name", ({ page, want }) => {
    const read = readMetricsPage(load(0) + page, 0);
    expect(read.ok && read.metrics.state).toBe(want);
  });
});

const lora = (at: number, ...names: readonly string[]) =>
  `vllm:lora_requests_info{max_lora="2",running_lora_adapters="${names.join(",")}",waiting_lora_adapters=""} ${at}\n`;

describe("active adapters", () => {
  test.each([
    {
      name: "the newest set",
      page: load(1) + lora(5, "a") + lora(6, "b") + lora(4, "c"),
      want: ["b"],
    },
    {
      name: "none where the gauge has no lists",
      page: `${load(1)}vllm:lora_requests_info{max_lora="2"} 5\n`,
      want: [],
    },
    { name: "none where nothing runs or waits", page: load(0) + lora(5, "a"), want: [] },
    { name: "those that wait", page: load(0, 1) + lora(5, "a"), want: ["a"] },
    {
      name: "of sets as new as each other all that can be",
      page: load(1) + lora(5, "a", "b") + lora(5, "c") + lora(5),
      want: ["c"],
    },
    {
      name: "none of sets as new as each other where nothing runs",
      page: load(0) + lora(5, "a") + lora(5),
      want: [],
    },
  ])("are $name", ({ page, want }) => {
    const read = readMetricsPage(page, 0);
    expect(read.ok && [...read.metrics.activeAdapters]).toEqual(want);
    expect(read.ok && read.metrics.maxActiveAdapters).toBe(2);
  });

  test("are not all that the page names: an idle server's adapters have names too", () => {
    const read = readMetricsPage(load(0) + lora(5, "a") + lora(5, "b") + lora(4, "old"), 0);
    expect(read.ok && read.metrics.namedAdapters).toEqual(new Set(["a", "b"]));
    expect(read.ok && read.metrics.activeAdapters).toEqual(new Set());
  });

  test("are bounded", () => {
    const names = (of: string) => Array.from({ length: 900 }, (_, i) => `${of}${i}`);
    const read = readMetricsPage(load(5_000) + lora(5, ...names("a")) + lora(5, ...names("b")), 0);
    expect(read.ok && read.metrics.activeAdapters.size).toBe(1_000);
  });
});

test("SGLang says how many adapters fit, TensorRT-LLM how many requests it runs at once", () => {
  const sglang =
    "sglang:num_queue_reqs 0\nsglang:num_running_reqs 0\nsglang:lora_pool_slots_total 3\n";
  const trtllm = `trtllm_num_requests_waiting 0
trtllm_num_requests_running 0
trtllm_max_num_active_requests 64
`;
  expect(readMetricsPage(sglang, 0)).toMatchObject({ metrics: { maxActiveAdapters: 3 } });
  expect(readMetricsPage(trtllm, 0)).toMatchObject({ metrics: { maxRunningRequests: 64 } });
});

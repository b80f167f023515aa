import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { readMetricsPage } from "@umbra/scheduler/metrics";
import fc from "fast-check";

const load =
  "vllm:num_requests_running 2000\nvllm:num_requests_waiting 0\nvllm:kv_cache_usage_perc 0.1\n";
const pageBytes = 4 * 1_024 * 1_024;

/** A page of 4 MiB: `head`, and `unit` as often as it fits. */
function filled(unit: string, head = load): Buffer {
  const count = Math.floor((pageBytes - head.length) / Buffer.byteLength(unit));
  return Buffer.from(head + unit.repeat(count));
}

const labels = (count: number, value: string) =>
  Array.from({ length: count }, (_, i) => `a${i}="${value}"`).join(",");
const names = (count: number) => Array.from({ length: count }, (_, i) => i.toString(36)).join(",");
const waiting = "vllm:num_requests_waiting";
const lora = "vllm:lora_requests_info";

/** CPU of reading each page, in ms, by a process of its own: Jest's transformed modules take ten times as long. */
function costs(pages: readonly { readonly head: string; readonly unit: string }[]): number[] {
  const script = fileURLToPath(new URL("page-cost.ts", import.meta.url));
  const printed = execFileSync(process.execPath, ["--conditions=@umbra/source", script], {
    input: JSON.stringify(pages),
    maxBuffer: pageBytes,
    timeout: 120_000,
  });
  return JSON.parse(printed.toString()) as number[];
}

const barMs = 20;

/** Those that take longer than the bar each time: on a busy machine all may once. */
function slowOf<P extends { readonly head: string; readonly unit: string }>(pages: readonly P[]) {
  let slow = pages.map((page) => ({ ...page, ms: Number.POSITIVE_INFINITY }));
  for (let round = 0; round < 4 && slow.length > 0; round++) {
    const took = costs(slow);
    slow = slow.map((page, i) => ({ ...page, ms: took[i] ?? 0 })).filter(({ ms }) => ms >= barMs);
  }
  return slow;
}

/** What pages are filled with that are made to take long. Up to 4 MiB are read of a page, and meanwhile nothing is picked. */
const hostile: readonly (readonly [string, string])[] = [
  ["10,000 lines of 63 labels", `${waiting}{${labels(63, "x")}} 0\n`],
  ["10,000 lines of 64 empty labels", `${waiting}{${labels(64, "")}} 0\n`],
  ["escapes", `${waiting}{a="${"\\n".repeat(30_000)}"} 0\n`],
  ["escapes in what is read", `${lora}{running_lora_adapters="${"\\n".repeat(30_000)}"} 0\n`],
  ["backslashes", `${lora}{running_lora_adapters="${"\\\\".repeat(30_000)}"} 0\n`],
  [
    "adapters",
    `${lora}{running_lora_adapters="${names(900)}",waiting_lora_adapters="${names(900)}"} 5\n`,
  ],
  ["adapters of one letter", `${lora}{running_lora_adapters="${"a,".repeat(999)}"} 5\n`],
  ["adapters of old combinations", `${lora}{running_lora_adapters="a"} 1.764400000123e+09\n`],
  ["a gauge with blanks before its value", `${lora}{}${" ".repeat(60)}1.5e+9\n`],
  ["long lists of adapters", `${lora}{running_lora_adapters="${names(15_000)}"} 5\n`],
  ["blank adapters", `${lora}{running_lora_adapters="${" ".repeat(60_000)}"} 5\n`],
  ["loaded adapters", 'vllm:lora_adapter_loaded{adapter_name="x",level="gpu"} 1\n'],
  ["states", 'vllm:engine_sleep_state{sleep_state="awake"} 1\n'],
  ["cache sizes", 'vllm:cache_config_info{block_size="16",num_gpu_blocks="5"} 1\n'],
  ["samples", `${waiting} 0\n`],
  ["long values", `${waiting} 0.12345678901234567890123\n`],
  ["endless values", `${waiting} ${"1".repeat(60_000)}\n`],
  ["blanks in labels", `${waiting}{${" ".repeat(60_000)}} 1\n`],
  ["blanks behind a label", `${waiting}{a${" ".repeat(60_000)}="x"} 1\n`],
  ["empty lines", "\n"],
  ["blank lines", " \n"],
  ["comments", "# x\n"],
  ["other names", "vllm:x 1\n"],
  ["names that differ in the last letter", `${waiting.slice(0, -1)}G 0\n`],
  ["one name without end", "vllm:num"],
  ["one line without end", `${waiting}{a="b" `],
  ["one line of blanks", " "],
  ["letters beyond ASCII", `${waiting}{a="é"} 0\n`],
];

/** The same of pages without a vLLM's gauges. */
const runtime: readonly (readonly [string, string])[] = [
  ["a Python process alone", "python_info 1\n"],
  ["one with blank lines", "\r \r \r\n"],
  ["one of carriage returns", "\r"],
  ["Triton's labels", 'nv_trt_llm_request_metrics{request_type="waiting"} 1\n'],
];

test("no page takes 20 ms, whatever it is filled with", () => {
  const pages = [
    ...hostile.map(([name, unit]) => ({ name, head: load, unit })),
    ...runtime.map(([name, unit]) => ({ name, head: "python_info 1\n", unit })),
  ];
  expect(slowOf(pages)).toEqual([]);
});

test("no page takes 20 ms, however its lines are put together", () => {
  const piece = fc.constantFrom(
    ...[waiting, lora, "vllm:x", "{", "}", '"', "\\", "\\n", ",", "=", " ", "\n", "\t", "\r", "1"],
    ...["a", "é", "#", 'a="b",', 'running_lora_adapters="', "a,a,a,", "} 1\n", labels(60, "")],
  );
  const pieces = fc.array(piece, { minLength: 1, maxLength: 12 });
  const pages = fc.sample(pieces, 60).map((each) => ({ head: load, unit: `${each.join("")}\n` }));
  expect(slowOf(pages)).toEqual([]);
});

test("reports that a page takes too long, not that it has no gauges", () => {
  const page = filled(`${waiting}{${labels(63, "x")}} 0\n`);
  expect(readMetricsPage(page, 0)).toEqual({ ok: false, missing: [], isTooComplex: true });
  const adapters = filled(`${lora}{running_lora_adapters="${"a,".repeat(999)}"} 5\n`);
  expect(readMetricsPage(adapters, 0)).toEqual({ ok: false, missing: [], isTooComplex: true });
});

test("reads a page of 500 adapters whose past combinations are still on it", () => {
  const combinations = Array.from({ length: 3_000 }, (_, i) => {
    const running = Array.from({ length: 8 }, (_, k) => `adapter-${(i * 7 + k) % 500}`).join(",");
    return `${lora}{max_lora="8",running_lora_adapters="${running}",waiting_lora_adapters=""} ${i}\n`;
  });
  const read = readMetricsPage(Buffer.from(load + combinations.join("")), 0);
  expect(read.ok && read.metrics.activeAdapters.size).toBe(8);
});

describe.each([
  { count: 3_000, order: "oldest first", at: (i: number) => i },
  { count: 20_000, order: "oldest first", at: (i: number) => i },
  { count: 20_000, order: "newest first", at: (i: number) => -i },
])("a page of $count combinations of 8 adapters, $order", ({ count, at }) => {
  const lines = Array.from({ length: count }, (_, i) => {
    const running = Array.from({ length: 8 }, (_, k) => `team-${i}-${k}`).join(",");
    const value = `1.7${String(30_000 + at(i)).padStart(6, "0")}123456e+09`;
    return `${lora}{max_lora="8",running_lora_adapters="${running}",waiting_lora_adapters=""} ${value}\n`;
  });
  const gauges =
    "vllm:num_requests_running 9\nvllm:num_requests_waiting 3\nvllm:kv_cache_usage_perc 0.5\n";

  test.each([
    ["before", gauges + lines.join("")],
    ["behind", lines.join("") + gauges],
  ])("still gives queue and KV cache, and the newest adapters: the gauges are %s", (_, text) => {
    const page = Buffer.from(text);
    const read = readMetricsPage(page, 0);
    expect(page.length).toBeLessThan(pageBytes);
    expect(read).toMatchObject({
      ok: true,
      metrics: { waitingRequests: 3, runningRequests: 9, kvCacheUsage: 0.5, maxActiveAdapters: 8 },
    });
    const newest = at(1) > 0 ? count - 1 : 0;
    const expected = Array.from({ length: 8 }, (_, k) => `team-${newest}-${k}`);
    expect(read.ok && [...read.metrics.activeAdapters]).toEqual(expected);
  });
});

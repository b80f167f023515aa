import type { ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";

type Page = (response: ServerResponse) => void;

const well = `vllm:num_requests_running{model_name="m"} 1
vllm:num_requests_waiting{model_name="m"} 0
vllm:kv_cache_usage_perc{model_name="m"} 0.1
process_start_time_seconds 1700000000
`;
const pageBytes = 4 * 1_024 * 1_024;

const texts = new Map<string, string>();
/** A page of nearly 4 MiB, made once. */
function filled(line: string): Page {
  return (response) => {
    const count = Math.floor((pageBytes - well.length) / line.length);
    const text = texts.get(line) ?? well + line.repeat(count);
    texts.set(line, text);
    response.end(text);
  };
}

const labels = Array.from({ length: 63 }, (_, i) => `a${i}="x"`).join(",");
const adapters = Array.from({ length: 8_000 }, (_, i) => `a${i}`).join(",");

/** What a hostile model server has for a metrics page. */
export const metricsPages = {
  well: (response) => void response.end(well),
  hang: () => {},
  drip(response) {
    response.writeHead(200);
    const timer = setInterval(() => response.write("#"), 100);
    response.on("close", () => clearInterval(timer));
  },
  wide: filled(`vllm:num_requests_waiting{${labels}} 0\n`),
  escapes: filled(`vllm:num_requests_waiting{a="${"\\n".repeat(30_000)}"} 0\n`),
  adapters: filled(`vllm:lora_requests_info{running_lora_adapters="${adapters}"} 1.7\n`),
  shortLines: filled("vllm:x 1\n"),
  endless(response) {
    response.writeHead(200);
    const block = Buffer.alloc(65_536, "# x\n");
    let left = 1_600;
    const go = () => {
      if (left-- > 0 && !response.destroyed) response.write(block, go);
      else response.end();
    };
    go();
  },
  gzip: (response) =>
    void response
      .writeHead(200, { "content-encoding": "gzip" })
      .end(gzipSync(Buffer.alloc(8 << 20, "a"))),
  reset: (response) => void response.destroy(),
} satisfies Record<string, Page>;

export type MetricsKind = keyof typeof metricsPages;

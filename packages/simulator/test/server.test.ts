import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { createSimulatedServer, parseVllmArgs, type SimulatedServer } from "@umbra/simulator";

let server: SimulatedServer;
let origin: string;
let lines: string[];

beforeEach(async () => {
  lines = [];
  server = createSimulatedServer({
    model: "/model/llama2",
    enableLora: true,
    maxLoras: 4,
    maxModelLen: 100,
    loraModules: [{ name: "sql-lora", path: "/adapters/sql" }],
    timeScale: 0,
    log: (line) => lines.push(line),
  });
  origin = `http://${await server.listen(0)}`;
});

afterEach(() => server.close());

const post = (path: string, body: unknown) =>
  fetch(`${origin}${path}`, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: { "x-request-id": "r1" },
  });
const chat = {
  model: "/model/llama2",
  max_tokens: 3,
  messages: [{ role: "user", content: "hello" }],
};

describe("the simulated server", () => {
  test("answers a chat completion and logs as vLLM does", async () => {
    const response = await post("/v1/chat/completions", chat);
    expect(response.headers.get("x-request-id")).toBe("r1");
    expect(await response.json()).toMatchObject({
      id: expect.stringMatching(/^chatcmpl-/),
      object: "chat.completion",
      model: "/model/llama2",
      choices: [{ message: { role: "assistant" }, finish_reason: "length" }],
      usage: { prompt_tokens: 3, completion_tokens: 3, total_tokens: 6 },
    });
    expect(lines).toEqual([
      expect.stringMatching(
        /^INFO: {5}127\.0\.0\.1:\d+ - "POST \/v1\/chat\/completions HTTP\/1\.1" 200 OK$/,
      ),
    ]);
  });

  test("streams: role, tokens, usage, [DONE]", async () => {
    const response = await post("/v1/chat/completions", {
      ...chat,
      stream: true,
      stream_options: { include_usage: true },
    });
    const events = (await response.text())
      .trim()
      .split("\n\n")
      .map((line) => line.replace("data: ", ""));
    expect(events).toHaveLength(6);
    expect(events.at(-1)).toBe("[DONE]");
    const parsed = events.slice(0, -1).map(
      (event) =>
        JSON.parse(event) as {
          choices: { delta?: { role?: string }; finish_reason?: string }[];
          usage?: object;
        },
    );
    expect(parsed[0]?.choices[0]?.delta?.role).toBe("assistant");
    expect(parsed[3]?.choices[0]?.finish_reason).toBe("length");
    expect(parsed[4]).toMatchObject({ choices: [], usage: { completion_tokens: 3 } });
  });

  test.each([
    { name: "bad JSON", body: "{", status: 400 },
    { name: "no messages", body: { model: "/model/llama2" }, status: 400 },
    { name: "an unknown model", body: { ...chat, model: "x" }, status: 404 },
    {
      name: "a prompt over the context",
      body: { ...chat, messages: [{ role: "user", content: "x".repeat(500) }] },
      status: 400,
    },
  ])("refuses $name with $status", async ({ body, status }) => {
    const response = await post("/v1/chat/completions", body);
    expect(response.status).toBe(status);
    expect(await response.json()).toHaveProperty("error.message");
  });

  test("lists, loads and unloads adapters", async () => {
    await post("/v1/load_lora_adapter", { lora_name: "new", lora_path: "/n" });
    const models = async () =>
      (
        (await (await fetch(`${origin}/v1/models`)).json()) as {
          data: { id: string; parent: string | null }[];
        }
      ).data.map(({ id, parent }) => [id, parent]);
    expect(await models()).toEqual([
      ["/model/llama2", null],
      ["sql-lora", "/model/llama2"],
      ["new", "/model/llama2"],
    ]);
    expect((await post("/v1/completions", { model: "new", prompt: "x" })).status).toBe(200);
    await post("/v1/unload_lora_adapter", { lora_name: "new" });
    expect((await models()).map(([id]) => id)).not.toContain("new");
  });

  test("shows vLLM's metrics, pinned ones too", async () => {
    await post("/v1/completions", { model: "sql-lora", prompt: "x", max_tokens: 2 });
    server.pinMetrics({ waiting: 12, kvCacheUsage: 0.5, runningAdapters: ["sql-lora"] });
    const page = await (await fetch(`${origin}/metrics`)).text();
    for (const line of [
      'vllm:num_requests_waiting{model_name="/model/llama2",engine="0"} 12',
      'vllm:kv_cache_usage_perc{model_name="/model/llama2",engine="0"} 0.5',
      'vllm:generation_tokens_total{model_name="/model/llama2",engine="0"} 2',
    ]) {
      expect(page).toContain(line);
    }
    expect(page).toMatch(
      /vllm:lora_requests_info\{max_lora="4",running_lora_adapters="sql-lora",waiting_lora_adapters=""\} \d+/,
    );
  });

  test("misbehaves on demand", async () => {
    server.setFaults({ statusForRequests: 503, metrics: "500" });
    expect((await post("/v1/chat/completions", chat)).status).toBe(503);
    expect((await fetch(`${origin}/metrics`)).status).toBe(500);
    server.setFaults({});
    expect((await post("/v1/chat/completions", chat)).status).toBe(200);
  });
});

describe("parseVllmArgs", () => {
  test.each([
    {
      name: "the reference scenario's",
      args: [
        "python3",
        "-m",
        "vllm.entrypoints.openai.api_server",
        "--model",
        "/model/llama2",
        "--tensor-parallel-size",
        "1",
        "--port",
        "8000",
        "--gpu_memory_utilization",
        "0.8",
        "--enable-lora",
        "--max-loras",
        "4",
        "--lora-modules",
        "sql-lora=/a",
        "tweet=/b",
      ],
      options: {
        model: "/model/llama2",
        port: 8_000,
        enableLora: true,
        maxLoras: 4,
        loraModules: [
          { name: "sql-lora", path: "/a" },
          { name: "tweet", path: "/b" },
        ],
      },
      ignored: ["--tensor-parallel-size 1", "--gpu-memory-utilization 0.8"],
    },
    {
      name: "vllm serve",
      args: ["vllm", "serve", "m", "--max_num_seqs=8"],
      options: { model: "m", maxNumSeqs: 8 },
      ignored: [],
    },
    {
      name: "JSON modules",
      args: ["--lora-modules", '{"name":"a","path":"/a"}', "{oops"],
      options: { loraModules: [{ name: "a", path: "/a" }] },
      ignored: [],
    },
    { name: "none", args: [], options: {}, ignored: [] },
  ])("reads $name", ({ args, options, ignored }) => {
    expect(parseVllmArgs(args)).toEqual({ options, ignored });
  });
});

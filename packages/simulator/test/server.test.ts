import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { createSimulatedServer, parseVllmArgs, type SimulatedServer } from "@umbra/simulator";
import { answerTo } from "../src/answer-content.ts";
import type { OfferedTool } from "../src/offered-tool.ts";
import { createRandom } from "../src/random.ts";

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

describe("made-up answers", () => {
  const options = { brokenToolCalls: 0.25, textNoise: 0.25 };
  const answers = (tool?: OfferedTool) => {
    const random = createRandom(1);
    return Array.from({ length: 1_000 }, () => answerTo(tool, 20, options, random));
  };

  test("have invalid arguments in the share that is asked for", () => {
    const tool = { name: "f", parameters: { properties: { a: { type: "string" } } } };
    const valid = '{"a":"a simulated value"}';
    const broken = answers(tool).filter(({ toolCall }) => toolCall?.args !== valid);
    expect(broken.length / 1_000).toBeCloseTo(0.25, 1);
    expect(new Set(broken.map(({ toolCall }) => toolCall?.args))).toEqual(
      new Set([valid.slice(0, -1)]),
    );
  });

  test("differ in the share that is asked for, and start in the same way", () => {
    const texts = answers().map(({ text }) => text);
    const [plain = ""] = texts.filter((text) => text.endsWith("words mean nothing"));
    expect(texts.filter((text) => text !== plain).length / 1_000).toBeCloseTo(0.25, 1);
  });
});

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

  test.each([
    { name: "a whole answer", isStream: false },
    { name: "a stream", isStream: true },
  ])("calls the first tool of a request, in $name", async ({ isStream }) => {
    const parameters = {
      type: "object",
      properties: { city: { type: "string" }, days: { type: "integer", minimum: 3 } },
    };
    const tools = [{ type: "function", function: { name: "get_weather", parameters } }];
    const answer = await post("/v1/chat/completions", { ...chat, tools, stream: isStream });
    const text = await answer.text();
    const parts = isStream ? text.split("\n\n").filter((each) => each.includes("{")) : [text];
    const choices = parts.map((each) => JSON.parse(each.replace("data: ", "")).choices[0]);
    const calls = choices.flatMap(({ delta, message }) => (delta ?? message).tool_calls ?? []);
    expect(calls[0].function.name).toBe("get_weather");
    const args = calls.map((call) => call.function.arguments).join("");
    expect(JSON.parse(args)).toEqual({ city: "a simulated value", days: 3 });
    expect(choices.at(-1)).toMatchObject({ finish_reason: "tool_calls" });
  });

  test("writes text if no tool may be called", async () => {
    const tools = [{ type: "function", function: { name: "f" } }];
    const answer = await post("/v1/chat/completions", { ...chat, tools, tool_choice: "none" });
    expect(await answer.json()).toMatchObject({ choices: [{ message: { content: "I am a" } }] });
  });

  test("repeats an answer with the same seed", async () => {
    const noisy = createSimulatedServer({ timeScale: 0, textNoise: 1, seed: 5 });
    const origin = `http://${await noisy.listen(0)}`;
    const say = async (seed: number | undefined) => {
      const body = JSON.stringify({ ...chat, max_tokens: 20, seed });
      const answer = await fetch(`${origin}/v1/chat/completions`, { method: "POST", body });
      const json = (await answer.json()) as { choices: { message: { content: string } }[] };
      return json.choices[0]?.message.content;
    };
    const texts = [await say(7), await say(7), await say(8), await say(undefined)];
    await noisy.close();
    expect(texts[1]).toBe(texts[0]);
    expect(new Set(texts).size).toBe(3);
  });

  test("lists log probabilities if they are asked for, whole and streamed", async () => {
    const asked = { ...chat, logprobs: true, top_logprobs: 2 };
    const want = {
      content: [
        {
          ...{ token: "I", logprob: -0.1 },
          top_logprobs: [
            { token: "I", logprob: -0.1, bytes: null },
            { token: "am", logprob: -0.6, bytes: null },
          ],
        },
        { token: " am" },
        { token: " a" },
      ],
    };
    const whole = await post("/v1/chat/completions", asked);
    expect(await whole.json()).toMatchObject({ choices: [{ logprobs: want }] });
    const streamed = await post("/v1/chat/completions", { ...asked, stream: true });
    const found = (await streamed.text()).match(/"logprobs":\{"content":\[\{"token":"[^"]*"/g);
    expect(found?.map((each) => each.split('"').at(-2))).toEqual(["I", " am", " a"]);
    expect(await (await post("/v1/chat/completions", chat)).json()).toMatchObject({
      choices: [{ logprobs: null }],
    });
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

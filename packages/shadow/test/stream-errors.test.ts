import { describe, expect, test } from "@jest/globals";
import { createRecorder, type LegStart, type Pair } from "@umbra/shadow";

const primary: LegStart = { requestId: "r1", lane: "primary", pool: "p", mirrors: ["m"] };
const shadow: LegStart = { requestId: "r1", lane: "shadow", pool: "s", mirrors: ["m"] };

interface Answer {
  readonly type: string;
  readonly body: Buffer;
  readonly status?: number;
  /** Bytes in a chunk. */
  readonly chunkBytes?: number;
  readonly end?: "complete" | "cancelled";
}

/** The class of a shadow leg with this answer. */
function classOf({ type, body, status = 200, chunkBytes = 65_536, end = "complete" }: Answer) {
  const pairs: Pair[] = [];
  const recorder = createRecorder({
    now: () => 0,
    observers: [{ paired: (pair) => pairs.push(pair) }],
  });
  const pairing = recorder.open();
  const leg = pairing.begin(shadow);
  leg?.responseHeaders({ status, contentType: type });
  for (let at = 0; at < body.length; at += chunkBytes) {
    leg?.responseBody(body.subarray(at, at + chunkBytes), false);
  }
  if (end === "complete") leg?.responseBody(new Uint8Array(), true);
  leg?.end(end);
  pairing.begin(primary)?.end("complete");
  return pairs[0]?.shadow.class;
}

const data = (json: unknown) => `data: ${JSON.stringify(json)}\n\n`;
const named = (json: { readonly type: string }) => `event: ${json.type}\n${data(json)}`;
const chunk = (choice: object) => ({ object: "chat.completion.chunk", choices: [choice] });
const done = "data: [DONE]\n\n";

/** What comes before the error in the stream of each format. */
const chat = data(chunk({ index: 0, delta: { content: "a" }, finish_reason: null }));
const completions = data({ choices: [{ index: 0, text: "a", finish_reason: null }] });
const messages = [
  named({ type: "message_start", ...{ message: { id: "msg_1", usage: { input_tokens: 1 } } } }),
  named({ type: "content_block_delta", ...{ delta: { type: "text_delta", text: "a" } } }),
].join("");
const responses = named({ type: "response.output_text.delta", ...{ delta: "a" } });
const details = { message: "boom", type: "InternalServerError", param: null, code: 500 };
const failed = {
  object: "response",
  status: "failed",
  error: { code: "server_error" },
  output: [],
};

/** `before`: the stream up to the error. */
const shapes: readonly {
  readonly name: string;
  readonly before: string;
  readonly error: string;
}[] = [
  { name: "vLLM before 0.10.1", before: chat, error: data({ object: "error", ...details }) },
  {
    name: "vLLM before 0.10.1, completions",
    before: completions,
    error: data({ object: "error", ...details }),
  },
  { name: "vLLM", before: chat, error: data({ error: details }) },
  { name: "vLLM, completions", before: completions, error: data({ error: details }) },
  {
    name: "vLLM, a choice that was aborted",
    before: chat,
    error: data(chunk({ index: 0, delta: {}, finish_reason: "abort" })),
  },
  {
    name: "vLLM, the second choice that was aborted",
    before: chat,
    error: data({
      choices: [
        { index: 0, delta: {}, finish_reason: "stop" },
        { index: 1, delta: {}, finish_reason: "abort" },
      ],
    }),
  },
  {
    name: "vLLM, a choice that has failed",
    before: completions,
    error: data({ choices: [{ index: 0, text: "", finish_reason: "error" }] }),
  },
  {
    name: "SGLang",
    before: chat,
    error: data({ error: { object: "error", message: "boom", type: "BadRequest", code: 400 } }),
  },
  {
    name: "SGLang, a choice that was aborted",
    before: chat,
    error: data(chunk({ index: 0, delta: {}, finish_reason: { type: "abort", message: "oom" } })),
  },
  {
    name: "TGI",
    before: completions,
    error: data({ error: "Request failed during generation: oom", error_type: "generation" }),
  },
  {
    name: "TGI, chat",
    before: chat,
    error: data({ error: { message: "Incomplete generation", http_status_code: 422 } }),
  },
  {
    name: "llama.cpp",
    before: chat,
    error: data({ error: { code: 500, message: "boom", type: "server_error" } }),
  },
  {
    name: "llama.cpp, without a wrapper",
    before: chat,
    error: data({ code: 400, message: "boom", type: "invalid_request_error" }),
  },
  {
    name: "llama.cpp, in a field of its own",
    before: chat,
    error: `error: ${JSON.stringify({ code: 500, message: "boom", type: "server_error" })}\n\n`,
  },
  { name: "Ollama", before: chat, error: data({ error: "model runner has stopped" }) },
  {
    name: "an event that has a name and no JSON",
    before: chat,
    error: "event: error\ndata: x\n\n",
  },
  { name: "an event that has a name alone", before: chat, error: "event:error\r\n: boom\r\n\r\n" },
  {
    name: "messages",
    before: messages,
    error: named({ type: "error", ...{ error: { type: "overloaded_error", message: "x" } } }),
  },
  {
    name: "messages, without the event's name",
    before: messages,
    error: data({ type: "error", error: { type: "api_error", message: "x" } }),
  },
  {
    name: "messages that were aborted",
    before: messages,
    error: named({ type: "message_delta", ...{ delta: { stop_reason: "abort" } } }),
  },
  {
    name: "responses: error",
    before: responses,
    error: named({ type: "error", ...{ code: "server_error", message: "x", param: null } }),
  },
  {
    name: "responses: failed",
    before: responses,
    error: named({ type: "response.failed", ...{ response: failed } }),
  },
  {
    name: "responses: cancelled",
    before: responses,
    error: named({ type: "response.completed", ...{ response: { status: "cancelled" } } }),
  },
];

/** What an error looks like where the whole answer is one body. */
const bodies: readonly { readonly name: string; readonly json: object }[] = [
  { name: "vLLM before 0.10.1", json: { object: "error", ...details } },
  { name: "vLLM", json: { error: details } },
  { name: "TGI", json: { error: "Model is overloaded", error_type: "overloaded" } },
  { name: "llama.cpp", json: { code: 500, message: "boom", type: "server_error" } },
  {
    name: "a chat that was aborted",
    json: { choices: [{ message: { content: "a" }, finish_reason: "abort" }] },
  },
  {
    name: "a completion that has failed",
    json: { choices: [{ text: "a", finish_reason: "error" }] },
  },
  { name: "messages", json: { type: "error", error: { type: "api_error", message: "x" } } },
  {
    name: "messages that were aborted",
    json: { type: "message", content: [], stop_reason: "abort" },
  },
  { name: "a response that has failed", json: failed },
  { name: "a response that was cancelled", json: { ...failed, status: "cancelled", error: null } },
];

const stream = "text/event-stream; charset=utf-8";

describe("an error inside a 200 answer", () => {
  test.each(shapes)(
    "of a stream, $name, is a stream_error however it is cut",
    ({ before, error }) => {
      const body = Buffer.from(`${before}${error}${done}`);
      const classes = [1, 2, 3, 7, 16, 64, body.length].map((chunkBytes) =>
        classOf({ type: stream, body, chunkBytes }),
      );
      expect(new Set(classes)).toEqual(new Set(["stream_error"]));
    },
  );

  test.each(shapes)("of a stream, $name, counts without [DONE] and a last newline", (shape) => {
    const body = Buffer.from(`${shape.before}${shape.error}`.trimEnd());
    expect(classOf({ type: stream, body })).toBe("stream_error");
  });

  test.each(shapes)("of a stream, $name, counts where the client leaves at it", (shape) => {
    const body = Buffer.from(`${shape.before}${shape.error}`);
    expect(classOf({ type: stream, body, end: "cancelled" })).toBe("stream_error");
  });

  test.each(bodies)("that is whole, $name, is a stream_error", ({ json }) => {
    const body = Buffer.from(JSON.stringify(json));
    const classes = [1, 5, body.length].map((chunkBytes) =>
      classOf({ type: "application/json", body, chunkBytes }),
    );
    expect(new Set(classes)).toEqual(new Set(["stream_error"]));
  });

  test("leaves the class to the status where that is an error's", () => {
    const body = Buffer.from(JSON.stringify({ object: "error", ...details }));
    expect(classOf({ type: "application/json", body, status: 429 })).toBe("rate_limited");
    expect(classOf({ type: "application/json", body, status: 500 })).toBe("server_error");
  });
});

describe("what only resembles an error is not one", () => {
  const finished = (choice: object) => data(chunk({ index: 0, delta: {}, ...choice }));

  test.each<{ name: string; body: string }>([
    { name: "error: null", body: data({ ...chunk({ delta: { content: "a" } }), error: null }) },
    {
      name: "a text about errors",
      body: data(chunk({ delta: { content: 'event: error\n{"error":1}' } })),
    },
    { name: "vLLM's repetition", body: `${chat}${finished({ finish_reason: "repetition" })}` },
    { name: "a comment", body: `: error: none\n\n${chat}` },
    { name: "an event with another name", body: `event: errors\n${chat}` },
    {
      name: "an incomplete response",
      body: `${responses}${named({
        type: "response.incomplete",
        ...{ response: { status: "incomplete", error: null, incomplete_details: null } },
      })}`,
    },
  ])("$name", ({ body }) => {
    const whole = Buffer.from(`${body}${done}`);
    expect(classOf({ type: stream, body: whole })).toBe("ok");
  });
});

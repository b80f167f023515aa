import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import {
  createRecorder,
  type LegRecorder,
  type LegStart,
  type Pair,
  type Pairing,
  type Recorder,
  type ResponseStart,
} from "@umbra/shadow";
import fc from "fast-check";

const event = (json: object) => `data: ${JSON.stringify(json)}\n\n`;
const delta = (content: string, more: object = {}) =>
  event({
    id: "chatcmpl-1",
    model: "m",
    choices: [{ delta: { content }, finish_reason: null, ...more }],
  });
const role = event({ id: "chatcmpl-1", choices: [{ delta: { role: "assistant", content: "" } }] });
const usage = event({
  id: "chatcmpl-1",
  choices: [],
  usage: { prompt_tokens: 9, completion_tokens: 3 },
});
const done = "data: [DONE]\n\n";
const stop = { finish_reason: "stop" };

interface Setup {
  readonly recorder: Recorder<string>;
  /** The pairing of a request id, as its owner keeps it. */
  pairing(requestId: string): Pairing;
  readonly begin: (start: LegStart) => LegRecorder | undefined;
  readonly clock: { ms: number };
  readonly pairs: Pair[];
  readonly lost: string[];
  readonly unmirrored: string[];
}

function setup(options: object = {}): Setup {
  const clock = { ms: 0 };
  const pairs: Pair[] = [];
  const [lost, unmirrored]: [string[], string[]] = [[], []];
  const recorder = createRecorder<string>({
    now: () => clock.ms,
    observers: [
      {
        paired: (pair) => pairs.push(pair),
        lost: ({ requestId }, mirror, twin) => lost.push(`${requestId} ${mirror} ${twin}`),
        unmirrored: ({ requestId }, { mirror, drop }) =>
          unmirrored.push(`${requestId} ${mirror} ${drop}`),
      },
    ],
    ...options,
  });
  const kept = new Map<string, Pairing>();
  const pairing = (requestId: string): Pairing => {
    const known = kept.get(requestId) ?? recorder.open(requestId);
    kept.set(requestId, known);
    return known;
  };
  const begin = (start: LegStart) => pairing(start.requestId).begin(start);
  return { clock, pairs, lost, unmirrored, recorder, pairing, begin };
}

const at = { endpoint: "10.0.0.1:8000" };
const primary: LegStart = { requestId: "r1", lane: "primary", pool: "p", mirrors: ["m"], ...at };
const shadow: LegStart = { requestId: "r1", lane: "shadow", pool: "s", mirrors: ["m"], ...at };

interface Answer {
  readonly status?: number;
  readonly type?: string;
  readonly response?: Partial<ResponseStart>;
  /** A number is a pause in ms. */
  readonly body?: readonly (string | number)[];
  readonly outcome?: "complete" | "cancelled" | "failed";
  readonly isEnded?: boolean;
}

function run(
  { begin, clock }: Setup,
  start: LegStart,
  {
    status = 200,
    type = "text/event-stream",
    response = {},
    body = [],
    outcome = "complete",
    isEnded = true,
  }: Answer,
): void {
  const leg = begin(start);
  if (status > 0) leg?.responseHeaders({ status, contentType: type, ...response });
  for (const part of body) {
    if (typeof part === "number") clock.ms += part;
    else leg?.responseBody(Buffer.from(part), false);
  }
  if (isEnded) leg?.responseBody(new Uint8Array(), true);
  leg?.end(outcome);
}

/** The class of a shadow leg. */
function shadowClass(answer: Answer, start: Partial<LegStart> = {}): string {
  const all = setup();
  run(all, { ...shadow, ...start }, answer);
  run(all, primary, {});
  return all.pairs[0]?.shadow.class ?? "no pair";
}

/** The measures of one primary leg. */
function measured(answer: Answer): Pair["primary"] {
  const all = setup();
  run(all, primary, answer);
  run(all, shadow, {});
  const [pair] = all.pairs;
  if (pair === undefined) throw new Error("no pair");
  return pair.primary;
}

describe("a leg's measures", () => {
  test("a stream: TTFT at the first token, TPOT over the rest, tokens as the server counts", () => {
    const leg = measured({
      body: [10, role, 40, delta("I"), 20, delta(" am"), 30, delta(" é", stop), usage, 5, done],
    });
    expect(leg).toMatchObject({
      class: "ok",
      stream: true,
      ttftMs: 50,
      e2eMs: 100,
      tpotMs: 25,
      streamEndMs: 105,
      outTokens: 3,
      outTokensFrom: "usage",
      promptTokens: 9,
      outChars: 6,
      maxIclMs: 30,
      finishReason: "stop",
      responseId: "chatcmpl-1",
      model: "m",
      endpoint: "10.0.0.1:8000",
    });
  });

  test("without usage, token events are counted", () => {
    expect(measured({ body: [delta("a"), delta("b", stop), done] })).toMatchObject({
      outTokens: 2,
      outTokensFrom: "chunks",
    });
  });

  test("reasoning and tool calls are tokens, and no visible text", () => {
    const reasoning = event({ choices: [{ delta: { reasoning_content: "hm" } }] });
    const tool = event({
      choices: [{ delta: { tool_calls: [{ index: 0 }] }, finish_reason: "tool_calls" }],
    });
    expect(measured({ body: [5, reasoning, 5, tool, done] })).toMatchObject({
      ttftMs: 5,
      e2eMs: 10,
      ttfoMs: 10,
      outTokens: 2,
      outChars: 0,
      finishReason: "tool_calls",
    });
  });

  test("an answer in one piece has no TTFT and no TPOT", () => {
    const json = JSON.stringify({
      id: "cmpl-1",
      choices: [{ text: "hello", finish_reason: "length" }],
      usage: { completion_tokens: 2 },
    });
    const leg = measured({ type: "application/json", body: [70, json] });
    expect(leg).toMatchObject({ class: "ok", stream: false, e2eMs: 70, outTokens: 2, outChars: 5 });
    expect(leg).not.toHaveProperty("ttftMs");
    expect(leg).not.toHaveProperty("tpotMs");
  });

  test.each<{ name: string; answer: Answer; want: string }>([
    { name: "400", answer: { status: 400 }, want: "bad_request" },
    { name: "401", answer: { status: 401 }, want: "auth" },
    { name: "404", answer: { status: 404 }, want: "not_found" },
    { name: "429", answer: { status: 429 }, want: "rate_limited" },
    { name: "503", answer: { status: 503 }, want: "overloaded" },
    { name: "500", answer: { status: 500 }, want: "server_error" },
    { name: "no headers", answer: { status: 0 }, want: "connect" },
    { name: "no [DONE] and no finish reason", answer: { body: [delta("a")] }, want: "truncated" },
    {
      name: "an error inside the stream",
      answer: { body: [delta("a"), event({ error: { message: "x" } }), done] },
      want: "stream_error",
    },
    { name: "no token at all", answer: { body: [done] }, want: "empty" },
    { name: "no JSON", answer: { body: ["data: {oops\n\n", done] }, want: "malformed" },
    {
      name: "a client that went away",
      answer: { body: [delta("a")], isEnded: false, outcome: "cancelled" },
      want: "client_cancelled",
    },
    {
      name: "strange types",
      answer: { body: [event({ id: 7, choices: "x", usage: "oops" }), done] },
      want: "empty",
    },
  ])("$name is $want", ({ answer, want }) => {
    expect(measured(answer).class).toBe(want);
  });

  test("does not depend on how the bytes are cut", () => {
    const whole = Buffer.from(
      [role, delta("añ"), delta("€😀", stop), usage, done].join("").replaceAll("\n\n", "\r\n\r\n"),
    );
    const expected = measured({ body: [whole.toString()] });
    fc.assert(
      fc.property(fc.array(fc.nat({ max: whole.length }), { maxLength: 12 }), (cuts) => {
        const all = setup();
        const leg = all.begin(primary);
        leg?.responseHeaders({ status: 200, contentType: "text/event-stream" });
        const at = [0, ...cuts.toSorted((a, b) => a - b), whole.length];
        at.slice(1).forEach((end, index) => {
          leg?.responseBody(whole.subarray(at[index], end), end === whole.length);
        });
        leg?.end("complete");
        run(all, shadow, {});
        // The gap between chunks is about chunks: only it may depend on the cuts.
        const { maxIclMs: _, ...rest } = all.pairs[0]?.primary ?? {};
        expect(rest).toEqual(expected);
      }),
    );
  });

  test("skips a line that is too long to keep", () => {
    expect(
      measured({ body: [`data: ${"x".repeat(2_000_000)}\n`, delta("a", stop), done] }),
    ).toMatchObject({ class: "malformed", outTokens: 1 });
  });
});

describe("pairing", () => {
  test.each([
    { name: "primary first", order: [primary, shadow] },
    { name: "shadow first", order: [shadow, primary] },
  ])("pairs by request id: $name", ({ order }) => {
    const all = setup();
    for (const start of order) run(all, start, { body: [delta("a", stop), done] });
    expect(all.pairs.map((pair) => [pair.requestId, pair.primary.lane, pair.shadow.lane])).toEqual([
      ["r1", "primary", "shadow"],
    ]);
  });

  test("pairs one primary with its twin in each of two mirrors", () => {
    const all = setup();
    run(all, shadow, {});
    run(all, { ...primary, mirrors: ["m", "n"] }, {});
    run(all, { ...shadow, pool: "other", mirrors: ["n"] }, {});
    expect(all.pairs.map((pair) => pair.shadow.pool)).toEqual(["s", "other"]);
    expect([all.pairing("r1").isWaiting, all.lost]).toEqual([false, []]);
  });

  test("does not wait for the twin of a request that is not mirrored", () => {
    const all = setup();
    run(all, { ...primary, mirrors: [], unmirrored: [{ mirror: "m", drop: "size" }] }, {});
    expect([all.pairing("r1").isWaiting, all.pairs]).toEqual([false, []]);
    expect(all.unmirrored).toEqual(["r1 m size"]);
  });

  test("gives up a twin that does not come, and in time one that runs", () => {
    const all = setup({ pairTimeoutMs: 5_000 });
    for (const requestId of ["r1", "r2"]) run(all, { ...primary, requestId }, {});
    const running = all.begin({ ...shadow, requestId: "r2" });
    expect(all.pairing("r1").isWaiting).toBe(true);
    all.pairing("r1").giveUp();
    all.clock.ms = 4_999;
    all.pairing("r2").expire();
    expect(all.lost).toEqual(["r1 m unsent"]);
    all.clock.ms = 5_000;
    all.pairing("r2").expire();
    expect(all.lost).toEqual(["r1 m unsent", "r2 m unanswered"]);
    running?.end("complete");
    for (const requestId of ["r1", "r2"]) all.pairing(requestId).giveUp();
    expect(["r1", "r2"].map((id) => all.pairing(id).isWaiting)).toEqual([false, false]);
    expect([all.lost.length, all.pairs.length]).toEqual([2, 0]);
  });

  test("reports a twin without room as unmeasured", () => {
    const all = setup({ maxOpen: 1, hasCome: () => true });
    run(all, primary, {});
    run(all, { ...primary, requestId: "r2" }, {});
    const other = all.begin({ ...primary, requestId: "r3" });
    expect(all.begin(shadow)).toBeUndefined();
    other?.end("complete");
    // The second twin has not come yet, and the holder of its request has no more room for it.
    all.pairing("r1").giveUp();
    all.pairing("r2").giveUp("noRoom");
    expect(all.lost).toEqual(["r1 m unmeasured", "r2 m unmeasured"]);
  });

  test("knows of a twin that was never measured whether the shadow had it", () => {
    const all = setup({ hasCome: (_: string, mirror: string) => mirror === "m" });
    run(all, { ...primary, mirrors: ["m", "n"] }, {});
    all.pairing("r1").giveUp();
    expect(all.lost).toEqual(["r1 m unanswered", "r1 n unsent"]);
  });

  test("waits for a twin as long as its primary runs", () => {
    const all = setup({ pairTimeoutMs: 5_000 });
    const running = all.begin(primary);
    run(all, shadow, {});
    all.clock.ms = 6_000;
    all.pairing("r1").expire();
    running?.end("complete");
    expect([all.pairs.length, all.lost]).toEqual([1, []]);
  });

  test("drops a shadow whose primary is never seen", () => {
    const all = setup();
    run(all, shadow, {});
    expect(all.pairing("r1").isWaiting).toBe(false);
    all.pairing("r1").giveUp();
    run(all, primary, {});
    expect(all.pairs).toEqual([]);
  });

  test("a leg that begins twice is recorded once", () => {
    const all = setup();
    const first = all.begin(primary);
    expect(all.begin(primary)).toBeUndefined();
    first?.end("complete");
    run(all, shadow, {});
    expect(all.pairs).toHaveLength(1);
  });

  test("bounds what is open and kept", () => {
    const all = setup({ maxOpen: 2, maxPairs: 10 });
    const open = [1, 2, 3].map((n) => all.begin({ ...primary, requestId: `open${n}` }));
    expect(open.map((leg) => leg !== undefined)).toEqual([true, true, false]);
    for (const leg of open) leg?.end("cancelled");
    for (let i = 0; i < 100; i++) {
      run(all, { ...primary, requestId: `r${i}` }, {});
      run(all, { ...shadow, requestId: `r${i}` }, {});
      run(all, { ...shadow, requestId: `lost${i}` }, {});
    }
    expect(all.recorder.pairs()).toHaveLength(10);
    expect(all.recorder.pairCount).toBe(100);
    expect(all.begin({ ...primary, requestId: "x".repeat(129) })).toBeUndefined();
    const again = [1, 2, 3].map((n) => all.begin({ ...primary, requestId: `again${n}` }));
    expect(again.map((leg) => leg !== undefined)).toEqual([true, true, false]);
  });

  test("holds no text of prompts or answers", () => {
    const all = setup();
    run(all, primary, { body: [delta("canary"), done] });
    run(all, shadow, { body: [delta("canary"), done] });
    expect(JSON.stringify(all.recorder.pairs())).not.toContain("canary");
  });
});

describe("a shadow's end", () => {
  test.each<{ name: string; answer: Answer; start?: Partial<LegStart>; want: string }>([
    {
      name: "cut before headers",
      answer: { status: 0, isEnded: false, outcome: "cancelled" },
      want: "connect",
    },
    {
      name: "cut while it streams",
      answer: { body: [delta("a")], isEnded: false, outcome: "cancelled" },
      want: "truncated",
    },
    {
      name: "cut at its time limit",
      answer: { body: [delta("a"), 1_000], isEnded: false, outcome: "cancelled" },
      start: { timeoutMs: 1_000 },
      want: "timeout",
    },
    { name: "504", answer: { status: 504 }, want: "timeout" },
    {
      name: "the gateway's own 503",
      answer: { status: 503, response: { isLocalReply: true } },
      want: "connect",
    },
  ])("$name is $want", ({ answer, start, want }) => {
    expect(shadowClass(answer, start)).toBe(want);
  });

  test("cut because the client disconnected is censored", () => {
    const all = setup();
    const leg = all.begin(shadow);
    leg?.responseHeaders({ status: 200, contentType: "text/event-stream" });
    leg?.cut("propagated_cancel");
    leg?.end("cancelled");
    run(all, primary, { isEnded: false, outcome: "cancelled" });
    expect(all.pairs.map((pair) => [pair.primary.class, pair.shadow.class])).toEqual([
      ["client_cancelled", "propagated_cancel"],
    ]);
  });

  test("censored has the time at which it was cut, and no other answer has one", () => {
    const all = setup();
    const leg = all.begin(shadow);
    all.clock.ms += 750;
    leg?.cut("propagated_cancel");
    leg?.end("cancelled");
    run(all, primary, { isEnded: true });
    expect(all.pairs.map((pair) => [pair.primary.cutMs, pair.shadow.cutMs])).toEqual([
      [undefined, 750],
    ]);
  });
});

describe("formats and encodings", () => {
  const typed = (type: string, more: object = {}) => event({ type, ...more });

  test("responses", () => {
    const usageOf = {
      input_tokens: 7,
      output_tokens: 4,
      input_tokens_details: { cached_tokens: 2 },
    };
    const leg = measured({
      body: [
        typed("response.created", { response: { id: "resp_1" } }),
        10,
        typed("response.reasoning_text.delta", { delta: "hm" }),
        10,
        typed("response.output_text.delta", { delta: "hé" }),
        10,
        typed("response.function_call_arguments.delta", { delta: "{" }),
        typed("response.completed", {
          response: { id: "resp_1", model: "m", status: "completed", usage: usageOf },
        }),
      ],
    });
    expect(leg).toMatchObject({
      class: "ok",
      ttftMs: 10,
      ttfoMs: 20,
      e2eMs: 30,
      outTokens: 4,
      promptTokens: 7,
      cachedTokens: 2,
      outChars: 2,
      finishReason: "stop",
      responseId: "resp_1",
    });
  });

  test("messages", () => {
    const leg = measured({
      body: [
        typed("message_start", {
          message: { id: "msg_1", usage: { input_tokens: 5, cache_read_input_tokens: 3 } },
        }),
        typed("ping"),
        10,
        typed("content_block_delta", { delta: { type: "thinking_delta", thinking: "hm" } }),
        10,
        typed("content_block_delta", { delta: { type: "text_delta", text: "yes" } }),
        typed("message_delta", {
          delta: { stop_reason: "max_tokens" },
          usage: { output_tokens: 6 },
        }),
        typed("message_stop"),
      ],
    });
    expect(leg).toMatchObject({
      class: "ok",
      ttftMs: 10,
      ttfoMs: 20,
      outTokens: 6,
      promptTokens: 8,
      cachedTokens: 3,
      finishReason: "length",
    });
  });

  test.each([
    {
      name: "responses",
      json: {
        object: "response",
        status: "incomplete",
        incomplete_details: { reason: "max_output_tokens" },
        output: [{ type: "message", content: [{ type: "output_text", text: "abc" }] }],
        usage: { output_tokens: 3 },
      },
      finish: "length",
    },
    {
      name: "messages",
      json: {
        type: "message",
        stop_reason: "end_turn",
        content: [{ type: "text", text: "abc" }],
        usage: { output_tokens: 3 },
      },
      finish: "stop",
    },
  ])("$name in one piece", ({ json, finish }) => {
    const leg = measured({ type: "application/json", body: [40, JSON.stringify(json)] });
    expect(leg).toMatchObject({
      class: "ok",
      e2eMs: 40,
      outTokens: 3,
      outChars: 3,
      finishReason: finish,
    });
    expect(leg).not.toHaveProperty("ttftMs");
  });

  test("a stream that ends with an error event or with none is no answer", () => {
    const failed = measured({ body: [typed("response.failed", { response: {} })] });
    expect(failed.class).toBe("stream_error");
    const text = typed("response.output_text.delta", { delta: "a" });
    expect(measured({ body: [text] }).class).toBe("truncated");
  });

  test.each([
    { encoding: "gzip", encode: gzipSync },
    { encoding: "deflate", encode: deflateSync },
    { encoding: "deflate", encode: deflateRawSync },
  ])("$encoding is undone chunk by chunk", ({ encoding, encode }) => {
    const bytes = encode(Buffer.from([role, delta("a"), delta("b", stop), usage, done].join("")));
    const all = setup();
    const leg = all.begin(primary);
    leg?.responseHeaders({
      status: 200,
      contentType: "text/event-stream",
      contentEncoding: encoding,
    });
    for (const byte of bytes) leg?.responseBody(Uint8Array.of(byte), false);
    leg?.end("complete");
    run(all, shadow, {});
    expect(all.pairs[0]?.primary).toMatchObject({ class: "ok", outTokens: 3, outChars: 2 });
  });

  test("what is no gzip is malformed; an encoding that can't be read is counted only", () => {
    const response = { contentEncoding: "gzip" };
    expect(measured({ response, body: [delta("a"), done] }).class).toBe("malformed");
    const unread = measured({ response: { contentEncoding: "br" }, body: ["xx"] });
    expect(unread).toMatchObject({ class: "ok", outChars: 0 });
    expect(unread).not.toHaveProperty("ttftMs");
  });
});

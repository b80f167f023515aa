import { describe, expect, test } from "@jest/globals";
import {
  createRecorder,
  type LegStart,
  type Pair,
  type Recorder,
  renderReportTable,
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
  readonly recorder: Recorder;
  readonly clock: { ms: number };
  readonly pairs: Pair[];
}

function setup(options: object = {}): Setup {
  const clock = { ms: 0 };
  const pairs: Pair[] = [];
  return {
    clock,
    pairs,
    recorder: createRecorder({
      now: () => clock.ms,
      onPair: (pair) => pairs.push(pair),
      ...options,
    }),
  };
}

const primary: LegStart = { requestId: "r1", lane: "primary", pool: "p", isMirrored: true };
const shadow: LegStart = { requestId: "r1", lane: "shadow", pool: "s" };

interface Answer {
  readonly status?: number;
  readonly type?: string;
  /** A number is a pause in ms. */
  readonly body?: readonly (string | number)[];
  readonly outcome?: "complete" | "cancelled" | "failed";
  readonly isEnded?: boolean;
}

function run(
  { recorder, clock }: Setup,
  start: LegStart,
  {
    status = 200,
    type = "text/event-stream",
    body = [],
    outcome = "complete",
    isEnded = true,
  }: Answer,
): void {
  const leg = recorder.begin(start);
  leg?.dispatched("10.0.0.1:8000");
  if (status > 0) leg?.responseHeaders(status, type);
  for (const part of body) {
    if (typeof part === "number") clock.ms += part;
    else leg?.responseBody(Buffer.from(part), false);
  }
  if (isEnded) leg?.responseBody(new Uint8Array(), true);
  leg?.end(outcome);
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
        const leg = all.recorder.begin(primary);
        leg?.dispatched("10.0.0.1:8000");
        leg?.responseHeaders(200, "text/event-stream");
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

  test("pairs one primary with each of two shadow pools", () => {
    const all = setup();
    run(all, shadow, {});
    run(all, primary, {});
    run(all, { ...shadow, pool: "other" }, {});
    expect(all.pairs.map((pair) => pair.shadow.pool)).toEqual(["s", "other"]);
    expect(all.recorder.report().lanes.find(({ lane }) => lane === "primary")?.requests).toBe(1);
  });

  test("does not wait for the twin of a request that is not mirrored", () => {
    const all = setup();
    run(all, { ...primary, isMirrored: false }, {});
    expect(all.recorder.stats()).toMatchObject({ waitingLegs: 0, pairs: 0 });
    expect(all.recorder.report().unpaired).toEqual({ primary: 1, shadow: 0 });
  });

  test("gives up a twin that never comes", () => {
    const all = setup({ pairTimeoutMs: 1_000 });
    run(all, primary, {});
    run(all, { ...shadow, requestId: "r2" }, {});
    all.clock.ms += 1_001;
    all.recorder.expire();
    expect(all.recorder.stats()).toMatchObject({ waitingLegs: 0, expired: 2 });
  });

  test("bounds what is open, waiting and kept", () => {
    const all = setup({ maxOpen: 2, maxPairs: 10 });
    const open = [1, 2, 3].map((n) => all.recorder.begin({ ...primary, requestId: `open${n}` }));
    expect(open.map((leg) => leg !== undefined)).toEqual([true, true, false]);
    for (const leg of open) leg?.end("cancelled");
    for (let i = 0; i < 100; i++) {
      run(all, { ...primary, requestId: `r${i}` }, {});
      run(all, { ...shadow, requestId: `r${i}` }, {});
      run(all, { ...shadow, requestId: `lost${i}` }, {});
    }
    expect(all.recorder.pairs()).toHaveLength(10);
    expect(all.recorder.stats().waitingLegs).toBeLessThanOrEqual(20);
    expect(all.recorder.begin({ ...primary, requestId: "x".repeat(129) })).toBeUndefined();
  });
});

describe("the report", () => {
  const all = setup();
  for (let i = 1; i <= 4; i++) {
    run(
      all,
      { ...primary, requestId: `q${i}` },
      { body: [100, delta("canary"), 100, delta("b", stop), done] },
    );
    run(
      all,
      { ...shadow, requestId: `q${i}` },
      { body: [150, delta("canary"), 50, delta("b", stop), done] },
    );
  }
  run(all, { ...primary, requestId: "bad" }, { status: 500 });
  const report = all.recorder.report();

  test("has both lanes, and the median of the pairs' ratios", () => {
    expect(report).toMatchObject({
      version: 1,
      pairs: 4,
      unpaired: { primary: 1, shadow: 0 },
      medianRatio: { ttftMs: 1.5, tpotMs: 0.5, e2eMs: 1 },
    });
    expect(report.lanes).toMatchObject([
      {
        lane: "primary",
        pool: "p",
        requests: 5,
        classes: { ok: 4, server_error: 1 },
        ttftMs: { p50: 100, p90: 100, p99: 100 },
        outTokens: 8,
        endpoints: { "10.0.0.1:8000": 5 },
      },
      { lane: "shadow", pool: "s", requests: 4, classes: { ok: 4 }, ttftMs: { p50: 150 } },
    ]);
  });

  test("is a table for people", () => {
    const table = renderReportTable(report, { color: false });
    expect(table).toMatch(/TTFT p50 ms\s+│ 100\.0\s+│ 150\.0\s+│ 1\.50/);
    expect(table).toContain("server_error 1");
  });

  test("holds no text of prompts or answers", () => {
    expect(JSON.stringify([report, all.recorder.pairs()])).not.toContain("canary");
  });
});

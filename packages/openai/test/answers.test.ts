import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { deflateSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import { type AnswerMeasures, createAnswerReader, createFormReader } from "@umbra/openai/answers";
import { createDecoder } from "../src/answers/decoder.ts";

const events = (...all: readonly (object | string)[]) =>
  all.map((each) => `data: ${typeof each === "string" ? each : JSON.stringify(each)}\n\n`).join("");

const chat = events(
  { id: "c1", model: "m", choices: [{ delta: { reasoning_content: "hm" } }] },
  { choices: [{ delta: { content: "Héllo" } }] },
  { choices: [{ delta: {}, finish_reason: "length" }] },
  {
    choices: [],
    usage: {
      prompt_tokens: 9,
      completion_tokens: 2,
      prompt_tokens_details: { cached_tokens: 4 },
    },
  },
  "[DONE]",
);
const completions = events(
  { id: "c1", model: "m", choices: [{ text: "Héllo", finish_reason: "length" }] },
  { choices: [], usage: { prompt_tokens: 9, completion_tokens: 2 } },
  "[DONE]",
);
const messages = events(
  {
    type: "message_start",
    message: { id: "c1", model: "m", usage: { input_tokens: 5, cache_read_input_tokens: 4 } },
  },
  { type: "content_block_delta", delta: { type: "text_delta", text: "Héllo" } },
  { type: "message_delta", delta: { stop_reason: "max_tokens" }, usage: { output_tokens: 2 } },
  { type: "message_stop" },
);
const responses = events(
  { type: "response.output_text.delta", delta: "Héllo" },
  {
    type: "response.completed",
    response: {
      id: "c1",
      model: "m",
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
      usage: { input_tokens: 9, output_tokens: 2, input_tokens_details: { cached_tokens: 4 } },
    },
  },
);
const common: Partial<AnswerMeasures> = {
  ...{ id: "c1", model: "m", chars: 5, promptTokens: 9, outTokens: 2 },
  ...{ finishReason: "length", isWhole: true, isMalformed: false, hasError: false },
};

/** Measures of a stream that arrives in pieces, one every 10 ms. */
function read(text: string, pieceBytes: number): AnswerMeasures | undefined {
  const reader = createAnswerReader("text/event-stream; charset=utf-8");
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    reader?.push(bytes.subarray(at, at + pieceBytes), (at / pieceBytes) * 10);
  }
  return reader?.end();
}

describe("an answer", () => {
  test.each([
    { name: "chat completions", text: chat, want: { ...common, tokenEvents: 2, cachedTokens: 4 } },
    { name: "completions", text: completions, want: { ...common, tokenEvents: 1 } },
    { name: "messages", text: messages, want: { ...common, tokenEvents: 1, cachedTokens: 4 } },
    { name: "responses", text: responses, want: { ...common, tokenEvents: 1, cachedTokens: 4 } },
  ])("streamed by $name is read, whatever way it is cut", ({ text, want }) => {
    for (const pieceBytes of [1, 7, 100_000]) expect(read(text, pieceBytes)).toMatchObject(want);
  });

  test("has times: of the first token, the first that is seen, and the last", () => {
    const reader = createAnswerReader("text/event-stream");
    for (const [i, event] of chat.split(/(?<=\n\n)/).entries()) {
      reader?.push(Buffer.from(event), 100 * (i + 1));
    }
    expect(reader?.end()).toMatchObject({
      ...{ firstTokenAt: 100, firstVisibleAt: 200, lastTokenAt: 200, maxGapMs: 100 },
    });
  });

  test("may be one JSON body, compressed", () => {
    const reader = createAnswerReader("application/json", "gzip");
    const choices = [{ message: { content: "Héllo" }, finish_reason: "length" }];
    const usage = { prompt_tokens: 9, completion_tokens: 2 };
    const bytes = gzipSync(JSON.stringify({ id: "c1", model: "m", choices, usage }));
    for (const byte of bytes) reader?.push(Uint8Array.of(byte), 0);
    expect(reader?.end()).toMatchObject(common);
  });

  test.each([
    { name: "an error event", text: `event: error\n${events({ error: { message: "no" } })}` },
    { name: "an error object", text: events({ object: "error", message: "no", code: 500 }) },
    { name: "an aborted choice", text: events({ choices: [{ finish_reason: "abort" }] }) },
    { name: "a failed response", text: events({ type: "response.failed", response: {} }) },
  ])("with $name inside has an error", ({ text }) => {
    expect(read(text, 100_000)).toMatchObject({ hasError: true });
  });

  test.each([
    { name: "no JSON", text: events("{") },
    { name: "a line without end", text: `data: ${"x".repeat(2_000_000)}` },
    { name: "a megabyte of brackets", text: `data: ${"[".repeat(1_000_000)}\n\n` },
    { name: "129 levels", text: events(`${"[".repeat(2_500)}${"]".repeat(2_500)}`) },
  ])("with $name is malformed", ({ text }) => {
    expect(read(text, 65_536)).toMatchObject({ isMalformed: true });
  });

  // 60 KB that unfold to 60 MB, as one chunk of Envoy's brings them.
  test.each([
    { contentType: "text/event-stream", bomb: gzipSync(Buffer.alloc(60 * 1024 * 1024, "x")) },
    { contentType: "application/json", bomb: gzipSync(Buffer.alloc(60 * 1024 * 1024, "[")) },
  ])("that is a gzip bomb is given up early: $contentType", ({ contentType, bomb }) => {
    const reader = createAnswerReader(contentType, "gzip");
    const { rss } = process.memoryUsage();
    reader?.push(bomb, 0);
    expect(process.memoryUsage().rss - rss).toBeLessThan(40 * 1024 * 1024);
    reader?.push(bomb, 1);
    // What it is is not known: no error of the server's.
    expect(reader?.end()).toMatchObject({ isMalformed: false, isGivenUp: true, tokenEvents: 0 });
  });

  test.each(["gzip", "deflate"] as const)(
    "that unfolds a thousandfold costs the decoder less than two MiB: %s",
    (coding) => {
      const bytes = Buffer.alloc(8 * 1024 * 1024, "x");
      const zipped = coding === "gzip" ? gzipSync(bytes) : deflateSync(bytes);
      const decoder = createDecoder(coding);
      let decodedBytes = 0;
      for (let at = 0; at < zipped.length && !decoder.isTooMuch(); at += 256) {
        decodedBytes += decoder.push(zipped.subarray(at, at + 256))?.length ?? 0;
      }
      expect(decoder.isTooMuch()).toBe(true);
      expect(decodedBytes).toBeLessThan(2 * 1024 * 1024);
    },
  );

  test("that is one long JSON value is decoded no further than it is read", () => {
    // Random enough to be no bomb.
    const texts = Array.from({ length: 400_000 }, (_, i) => String((i * 7_919) % 1_000_003));
    const zipped = gzipSync(JSON.stringify({ choices: [], texts }));
    const reader = createAnswerReader("application/json", "gzip");
    for (let at = 0; at < zipped.length / 2; at += 4_096) {
      reader?.push(zipped.subarray(at, at + 4_096), at);
    }
    // Decoding further would find that this is no deflate.
    reader?.push(Buffer.alloc(4_096, 0xff), 1);
    expect(reader?.end()).toMatchObject({ isMalformed: false, isGivenUp: false });
  });

  test("of many like events, a hundredfold compressed, is read to its end", () => {
    const line = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "x" } }] })}\n\n`;
    // Text in between that does not compress: about as much as tokens of a model bring.
    const texts = Array.from({ length: 40_000 }, (_, i) =>
      i % 32 === 0 ? `: ${i * 7_919}\n` : "",
    );
    const text = `${texts.map((each) => each + line).join("")}data: [DONE]\n\n`;
    const zipped = gzipSync(text);
    expect(text.length / zipped.length).toBeGreaterThan(50);
    const reader = createAnswerReader("text/event-stream", "gzip");
    for (let at = 0; at < zipped.length; at += 4_096) {
      reader?.push(zipped.subarray(at, at + 4_096), at);
    }
    expect(reader?.end()).toMatchObject({ tokenEvents: 40_000, isGivenUp: false, isWhole: true });
  });

  test("of 20,000 equal events is read to its end, though it is compressed more than 250 times", () => {
    const event = {
      ...{ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "m" },
      choices: [{ index: 0, delta: { content: " the" }, logprobs: null, finish_reason: null }],
    };
    const text = `${events(event).repeat(20_000)}data: [DONE]\n\n`;
    const zipped = gzipSync(text, { level: 6 });
    expect(text.length / zipped.length).toBeGreaterThan(250);
    const reader = createAnswerReader("text/event-stream", "gzip");
    for (let at = 0; at < zipped.length; at += 4_096) {
      reader?.push(zipped.subarray(at, at + 4_096), at);
    }
    expect(reader?.end()).toMatchObject({ tokenEvents: 20_000, isGivenUp: false, isWhole: true });
  });

  test("with the log probabilities of many tokens is read, though it comes as one chunk", () => {
    const tokens = Array.from({ length: 6_000 }, (_, i) => ({
      ...{ token: ` t${i}`, logprob: -((i * 7_919) % 1_000_003) / 100_003, bytes: [32, 116] },
      top_logprobs: Array.from({ length: 10 }, (_, j) => ({
        ...{ token: ` t${j}`, logprob: -j - (i % 97), bytes: [32, 116] },
      })),
    }));
    const choices = [{ index: 0, finish_reason: "stop", logprobs: { content: tokens } }];
    const usage = { prompt_tokens: 9, completion_tokens: 6_000 };
    const text = JSON.stringify({ id: "c1", model: "m", choices, usage });
    const zipped = gzipSync(text);
    expect(text.length).toBeGreaterThan(2 * 1024 * 1024);
    const reader = createAnswerReader("application/json", "gzip");
    reader?.push(zipped, 0);
    expect(reader?.end()).toMatchObject({ isGivenUp: false, isMalformed: false, isWhole: true });
    const decoder = createDecoder("gzip");
    expect(decoder.push(zipped)?.length).toBe(text.length);
  });

  test("whose gzip header has no end is malformed: it is not looked through again with each slice", () => {
    const endless = Buffer.concat([
      Buffer.from([31, 139, 8, 8, 0, 0, 0, 0, 0, 3]),
      Buffer.alloc(2 ** 20, "A"),
    ]);
    const reader = createAnswerReader("application/json", "gzip");
    for (let i = 0; i < 3; i++) reader?.push(endless, 0);
    expect(reader?.end()).toMatchObject({ isMalformed: true });
  });

  test("of many events that are no JSON is not read to its end", () => {
    const reader = createAnswerReader("text/event-stream");
    reader?.push(Buffer.from("data:x\n".repeat(1_000_000)), 0);
    reader?.push(Buffer.from(chat), 1);
    expect(reader?.end()).toMatchObject({ isMalformed: true, tokenEvents: 0 });
  });

  test("that unfolds a hundredfold is read", () => {
    const text = events(...Array<object>(5_000).fill({ choices: [{ delta: { content: "a" } }] }));
    const reader = createAnswerReader("text/event-stream", "gzip");
    reader?.push(gzipSync(`${text}data: [DONE]\n\n`), 0);
    expect(reader?.end()).toMatchObject({ isMalformed: false, isWhole: true, tokenEvents: 5_000 });
  });

  test("in a coding that is not known is not read", () => {
    expect(createAnswerReader("application/json", "br")).toBeUndefined();
  });
});

describe("the memory of unfinished lines", () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  const heapsOutside = () => {
    collectGarbage();
    return process.memoryUsage().arrayBuffers;
  };

  test("is correct while other lines are added and removed", async () => {
    const [slow, other] = [0, 1].map(() =>
      createFormReader({ isStream: true, coding: "identity" }),
    );
    const before = heapsOutside();
    for (let i = 0; i < 5_000; i++) {
      slow?.push(Buffer.from("d"), 0);
      for (const each of ["d".repeat(4_000), "\n"]) other?.push(Buffer.from(each), 0);
    }
    const held = slow?.heldBytes() ?? 0;
    expect(held).toBeGreaterThanOrEqual(5_000);
    // A MiB for other code that runs meanwhile. Collected memory is freed by other threads, late on a busy machine.
    const most = before + held + 1024 * 1024;
    for (let looks = 0; looks < 100 && heapsOutside() > most; looks++) await sleep(20);
    expect(heapsOutside()).toBeLessThan(most);
  });

  test.each([1, 7, 4_096])(
    "holds back nothing of lines that come in pieces of %d bytes",
    (size) => {
      const reader = createFormReader({ isStream: true, coding: "identity" });
      const bytes = Buffer.from(chat.repeat(20));
      for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size), 0);
      expect(reader.heldBytes()).toBe(0);
      expect(reader.end()).toMatchObject({ isWhole: true, isMalformed: false, tokenEvents: 40 });
    },
  );
});

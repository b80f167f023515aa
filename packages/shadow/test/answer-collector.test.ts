import { describe, expect, test } from "@jest/globals";
import { type Answer, AnswerCollector, compareAnswers, readAnswer } from "@umbra/shadow/compare";
import fc from "fast-check";

function collected(events: readonly unknown[], maxTextBytes = 65_536): AnswerCollector {
  const collector = new AnswerCollector({ maxTextBytes });
  for (const event of events) collector.add(event);
  return collector;
}

const delta = (part: object, more: object = {}) => ({
  choices: [{ index: 0, delta: part, ...more }],
});
const call = (index: number, args: string, name?: string) =>
  delta({ tool_calls: [{ index, function: { name, arguments: args } }] });
const want: Answer = {
  text: "Héllo",
  toolCalls: [{ name: "f", arguments: '{"a":1}' }],
  hasRefusal: false,
};

describe("an answer is collected from", () => {
  test.each<{ name: string; events: readonly unknown[]; finishReason: string }>([
    {
      name: "a stream of chat completions",
      events: [
        delta({ role: "assistant", reasoning_content: "hm" }),
        delta({ content: "Hé" }),
        { choices: [{ index: 1, delta: { content: "another choice" } }] },
        delta({ content: "llo" }),
        call(0, "", "f"),
        call(0, '{"a"'),
        call(0, ":1}"),
        delta({}, { finish_reason: "tool_calls" }),
        { choices: [], usage: {} },
      ],
      finishReason: "tool_calls",
    },
    {
      name: "a chat completion",
      events: [
        {
          choices: [
            {
              message: {
                content: "Héllo",
                tool_calls: [{ function: { name: "f", arguments: '{"a":1}' } }],
              },
              finish_reason: "tool_calls",
            },
          ],
        },
      ],
      finishReason: "tool_calls",
    },
    {
      name: "a stream of messages",
      events: [
        { type: "message_start", message: { content: [] } },
        { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "h" } },
        { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "Héllo" } },
        { type: "content_block_start", index: 2, content_block: { type: "tool_use", name: "f" } },
        { type: "content_block_delta", index: 2, delta: { partial_json: '{"a"' } },
        { type: "content_block_delta", index: 2, delta: { partial_json: ":1}" } },
        { type: "message_delta", delta: { stop_reason: "tool_use" } },
        { type: "message_stop" },
      ],
      finishReason: "tool_use",
    },
    {
      name: "a message",
      events: [
        {
          type: "message",
          content: [
            { type: "thinking", thinking: "hm" },
            { type: "text", text: "Héllo" },
            { type: "tool_use", name: "f", input: { a: 1 } },
          ],
          stop_reason: "tool_use",
        },
      ],
      finishReason: "tool_use",
    },
    {
      name: "a stream of responses",
      events: [
        { type: "response.reasoning_text.delta", delta: "hm" },
        { type: "response.output_text.delta", output_index: 0, delta: "Héllo" },
        {
          type: "response.output_item.added",
          output_index: 1,
          item: { type: "function_call", name: "f" },
        },
        { type: "response.function_call_arguments.delta", output_index: 1, delta: '{"a":1}' },
        { type: "response.completed", response: { status: "completed" } },
      ],
      finishReason: "completed",
    },
    {
      name: "a response",
      events: [
        {
          object: "response",
          status: "completed",
          output: [
            { type: "reasoning", content: [{ type: "reasoning_text", text: "hm" }] },
            { type: "message", content: [{ type: "output_text", text: "Héllo" }] },
            { type: "function_call", name: "f", arguments: '{"a":1}' },
          ],
        },
      ],
      finishReason: "completed",
    },
  ])("$name", ({ events, finishReason }) => {
    expect(collected(events).answer()).toEqual({ ...want, finishReason });
  });

  test("a stream of completions", () => {
    const text = (piece: string) => ({ choices: [{ index: 0, text: piece }] });
    expect(collected([text("on"), text("e")]).answer().text).toBe("one");
  });

  test.each([
    { name: "a refusal", event: delta({ refusal: "No." }) },
    { name: "a refusal of responses", event: { type: "response.refusal.delta", delta: "No." } },
  ])("$name", ({ event }) => {
    expect(collected([event]).answer()).toMatchObject({ text: "", hasRefusal: true });
  });

  test("a stream, as from the same answer in one piece", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 40 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(40)), (content, cuts) => {
        const whole = readAnswer({ choices: [{ message: { content, tool_calls: [] } }] });
        const streamed = pieces(content, cuts).map((piece) => delta({ content: piece }));
        const { text: found } = collected(streamed).answer();
        expect(whole).toMatchObject({ ok: true, answer: { text: found } });
      }),
    );
  });
});

/** Cuts a text into pieces at any place, between the halves of a character as well. */
function pieces(text: string, cuts: readonly number[]): readonly string[] {
  const places = [0, ...cuts.filter((cut) => cut < text.length).toSorted((a, b) => a - b)];
  return places.map((place, i) => text.slice(place, places[i + 1]));
}

describe("an answer that is too long", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 60 });

  test("is cut at the same place however it arrives, and what follows is hashed", () => {
    fc.assert(
      fc.property(text, fc.array(fc.nat(60)), fc.nat(40), (content, cuts, maxTextBytes) => {
        const one = collected([delta({ content })], maxTextBytes).answer();
        const many = collected(
          pieces(content, cuts).map((piece) => delta({ content: piece })),
          maxTextBytes,
        ).answer();
        expect(many).toEqual(one);
        expect(one.isCut ?? false).toBe(Buffer.byteLength(content) > maxTextBytes);
        expect(Buffer.byteLength(one.text)).toBeLessThanOrEqual(maxTextBytes);
      }),
    );
  });

  test("is known to be the same or not by what follows", () => {
    const long = (end: string) =>
      collected([delta({ content: "a".repeat(100) + end })], 50).answer();
    expect(compareAnswers(long("x"), long("x")).agreement.exact).toBe(1);
    expect(compareAnswers(long("x"), long("y")).agreement.exact).toBe(0);
  });

  test("keeps no more than its bound of any part", () => {
    const collector = new AnswerCollector({ maxTextBytes: 65_536 });
    for (let i = 0; i < 100_000; i++) {
      collector.add(call(i, '{"a":1}', "get_weather"));
      collector.add(delta({ content: "word ".repeat(20) }));
    }
    expect(collector.heldBytes).toBeLessThan(400_000);
    const { toolCalls = [], isCut } = collector.answer();
    expect(toolCalls.length).toBeLessThanOrEqual(1_000);
    expect(isCut).toBe(true);
  });

  test("keeps no more than its bound of log probabilities", () => {
    const collector = new AnswerCollector({ maxTextBytes: 65_536 });
    const top = Array.from({ length: 20 }, (_, i) => ({ token: `t${i}`, logprob: -i }));
    const content = [{ token: "t", logprob: -1, top_logprobs: top }];
    for (let i = 0; i < 10_000; i++) {
      collector.add(delta({ content: "a" }, { logprobs: { content } }));
    }
    expect(collector.heldBytes).toBeLessThan(600_000);
    expect(collector.answer().logprobs).toHaveLength(1_024);
  });

  test("keeps no log probabilities if they are not wanted", () => {
    const collector = new AnswerCollector({ maxTextBytes: 65_536, keepsLogprobs: false });
    const content = [{ token: "t", logprob: -1, top_logprobs: [] }];
    collector.add(delta({ content: "a" }, { logprobs: { content } }));
    expect(collector.answer()).toEqual({ text: "a", toolCalls: [], hasRefusal: false });
  });

  test("keeps no more than its bound of log probabilities of long tokens, and none after them", () => {
    const collector = new AnswerCollector({ maxTextBytes: 65_536 });
    const add = (token: string) =>
      collector.add(delta({ content: "a" }, { logprobs: { content: [{ token, logprob: -1 }] } }));
    for (let i = 0; i < 100; i++) add("t".repeat(100_000));
    add("short");
    expect(collector.heldBytes).toBeLessThan(1_200_000);
    expect(collector.answer().logprobs?.at(-1)?.token).not.toBe("short");
  });
});

describe("a collector", () => {
  test("holds nothing after it was cleared, and keeps nothing that comes then", () => {
    const collector = collected([delta({ content: "secret" }), call(0, '{"a":1}', "f")]);
    expect(collector.heldBytes).toBeGreaterThan(0);
    collector.clear();
    expect(collector.heldBytes).toBe(0);
    const logprobs = { content: [{ token: "more", logprob: -1 }] };
    collector.add(delta({ content: "more" }, { logprobs }));
    collector.add(call(0, "more", "more"));
    expect(collector.heldBytes).toBe(0);
    expect(collector.answer()).toEqual({ text: "", toolCalls: [], hasRefusal: false });
  });

  test("takes anything that is JSON", () => {
    const names = ["choices", "type", "delta", "message", "tool_calls", "content", "function"];
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: "small" },
        fc.jsonValue(),
        fc.constantFrom("message", "content_block_delta", "response.completed", "tool_use"),
        fc.dictionary(fc.constantFrom(...names), tie("value")),
        fc.array(tie("value"), { maxLength: 3 }),
      ),
    })).value;
    fc.assert(
      fc.property(fc.array(json, { maxLength: 5 }), (events) => {
        expect(typeof collected(events).answer().text).toBe("string");
      }),
    );
  });

  test("reports that an answer has more than text", () => {
    expect(collected([delta({ audio: { data: "UklG" } })]).hasMedia).toBe(true);
    expect(collected([delta({ content: "a" })]).hasMedia).toBe(false);
  });
});

import { describe, expect, test } from "@jest/globals";
import {
  compareFiles,
  type FilesComparison,
  PairingError,
  readAnswer,
} from "@umbra/shadow/compare";
import fc from "fast-check";
import { casesBySize } from "../../../testing/test-size.ts";

async function* bytesOf(
  text: string | Uint8Array,
  chunkBytes = 65_536,
): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text as string);
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

function lines(values: readonly unknown[]): AsyncGenerator<Uint8Array> {
  return bytesOf(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
}

function chat(content: string, more: object = {}) {
  const choice = {
    index: 0,
    message: { role: "assistant", content },
    finish_reason: "stop",
    ...more,
  };
  return {
    id: `chatcmpl-${content.length}-${Math.random()}`,
    object: "chat.completion",
    choices: [choice],
  };
}

describe("an answer is read from", () => {
  const call = { id: "c", type: "function", function: { name: "f", arguments: '{"a":1}' } };
  const token = { token: "a", logprob: -1, top_logprobs: [{ token: "b", logprob: -2 }] };

  test.each([
    {
      name: "a chat completion",
      json: {
        id: "chatcmpl-1",
        choices: [{ message: { content: "a", tool_calls: [call] }, finish_reason: "tool_calls" }],
      },
      want: {
        id: { text: "chatcmpl-1", isOwn: false },
        answer: {
          text: "a",
          toolCalls: [{ name: "f", arguments: '{"a":1}' }],
          finishReason: "tool_calls",
        },
      },
    },
    {
      name: "a refusal",
      json: { choices: [{ message: { content: null, refusal: "No." } }] },
      want: { id: undefined, answer: { text: "", hasRefusal: true } },
    },
    {
      name: "parts of a message",
      json: {
        choices: [
          {
            message: {
              content: [
                { type: "text", text: "a" },
                { type: "text", text: "b" },
              ],
            },
          },
        ],
      },
      want: { id: undefined, answer: { text: "ab" } },
    },
    {
      name: "log probabilities",
      json: { choices: [{ message: { content: "a" }, logprobs: { content: [token] } }] },
      want: {
        id: undefined,
        answer: {
          text: "a",
          logprobs: [{ token: "a", logprob: -1, top: [{ token: "b", logprob: -2 }] }],
        },
      },
    },
    {
      name: "log probabilities over the range of numbers",
      json: JSON.parse(
        '{"choices":[{"message":{"content":"a"},"logprobs":{"content":[{"token":"a","logprob":-1e999}]}}]}',
      ) as object,
      want: { id: undefined, answer: { text: "a" } },
    },
    {
      name: "tool calls whose arguments are JSON",
      json: {
        text: "",
        tool_calls: [
          { function: { name: "f", arguments: { a: 1 } } },
          { function: { name: "g", arguments: null } },
        ],
      },
      want: {
        id: undefined,
        answer: {
          text: "",
          toolCalls: [
            { name: "f", arguments: '{"a":1}' },
            { name: "g", arguments: "" },
          ],
        },
      },
    },
    {
      name: "a completion",
      json: { id: "cmpl-1", choices: [{ text: "a", finish_reason: "length" }] },
      want: { id: { text: "cmpl-1", isOwn: false }, answer: { text: "a", finishReason: "length" } },
    },
    {
      name: "an Anthropic message",
      json: {
        ...{ id: "msg_1", type: "message", stop_reason: "tool_use" },
        content: [
          { type: "thinking", thinking: "hm", text: "hm" },
          { type: "text", text: "a" },
          { type: "tool_use", name: "f", input: { a: 1 } },
        ],
      },
      want: {
        id: { text: "msg_1", isOwn: false },
        answer: {
          text: "a",
          toolCalls: [{ name: "f", arguments: '{"a":1}' }],
          finishReason: "tool_use",
        },
      },
    },
    {
      name: "a line of a batch",
      json: {
        id: "batch_req_1",
        custom_id: "q1",
        response: { status_code: 200, body: { choices: [{ message: { content: "a" } }] } },
      },
      want: { id: { text: "q1", isOwn: true }, answer: { text: "a" } },
    },
    {
      name: "text with an id",
      json: { id: 7, text: "a" },
      want: { id: { text: "7", isOwn: true }, answer: { text: "a" } },
    },
  ])("$name", ({ json, want }) => {
    expect(readAnswer(json)).toEqual({ ok: true, ...want });
  });

  test.each([
    { json: [], problem: "not a JSON object" },
    { json: {}, problem: "no answer: expected `choices`, `content` or `text`" },
    { json: { choices: [] }, problem: "no answer: expected `choices`, `content` or `text`" },
    {
      json: { custom_id: "a", response: { status_code: 500 } },
      problem: "`response.body` is not an object",
    },
  ])("not from $json", ({ json, problem }) => {
    expect(readAnswer(json)).toEqual({ ok: false, problem });
  });
});

describe("pairs of lines", () => {
  test("by id, in any order, with what is left over", async () => {
    const found = await compareFiles({
      primary: lines([
        { id: "1", text: "a" },
        { id: "2", text: "b" },
        { id: "2", text: "c" },
        { text: "d" },
      ]),
      shadow: lines([
        { id: "2", text: "b" },
        { id: "1", text: "x" },
        { id: "5", text: "e" },
      ]),
    });
    expect(found).toMatchObject({ paired_by: "id", pairs: 2, triples: 0 });
    expect(found.agreement).toMatchObject([{ decode: "all", n: 2, exact: 0.5 }]);
    expect(found.files.map(({ role, unpaired }) => ({ role, unpaired }))).toEqual([
      {
        role: "primary",
        unpaired: [
          { why: "repeated_id", count: 1, first_lines: [3] },
          { why: "no_id", count: 1, first_lines: [4] },
        ],
      },
      { role: "shadow", unpaired: [{ why: "no_partner", count: 1, first_lines: [3] }] },
    ]);
  });

  test("by line where ids are the server's, so that a broken line leaves out its own pair", async () => {
    const found = await compareFiles({
      primary: bytesOf(`${JSON.stringify(chat("a"))}\n{broken\n${JSON.stringify(chat("c"))}\n`),
      shadow: lines([chat("a"), chat("b"), chat("c")]),
    });
    expect(found).toMatchObject({ paired_by: "line", pairs: 2, agreement: [{ exact: 1 }] });
    expect(found.files).toMatchObject([
      { unused: 1, first_unused: [{ line: 2, problem: "not JSON" }] },
      { unused: 0, unpaired: [{ why: "no_partner", count: 1, first_lines: [2] }] },
    ]);
  });

  test("with a floor and requests for some of them", async () => {
    const tool = { function: { name: "f", parameters: { required: ["a"] } } };
    const call = (args: string) =>
      chat("", {
        message: { content: null, tool_calls: [{ function: { name: "f", arguments: args } }] },
      });
    const found = await compareFiles(
      {
        primary: lines([call('{"a":1}'), call('{"a":1}'), chat("same")]),
        shadow: lines([call('{"a": 1.0}'), call("{}"), chat("other")]),
        floor: lines([call('{"a":1}'), call('{"a":1}')]),
        requests: lines([
          { custom_id: "x", body: { tools: [tool], temperature: 0 } },
          { tools: [tool], temperature: 0 },
          { temperature: 1 },
        ]),
      },
      { pairBy: "line" },
    );
    expect(found).toMatchObject({ pairs: 3, triples: 2 });
    expect(found.agreement.map(({ decode, n }) => [decode, n])).toEqual([
      ["all", 3],
      ["greedy", 2],
      ["sampled", 1],
    ]);
    expect(found.agreement[1]?.floor).toMatchObject({
      n: 2,
      exact: 1,
      exact_lost: { estimate: 0.5 },
    });
    expect(found.tools).toEqual([
      ["same_names", 1],
      ["same_args", 1],
    ]);
    expect(found.tools_floor).toEqual([["same_args", 2]]);
    expect(found.flags).toMatchObject([
      { flag: "refusal", n: 3 },
      { flag: "loop", n: 3 },
      { flag: "tool_calls", n: 2, primary: 0, shadow: 0.5, difference: { estimate: 0.5 } },
    ]);
  });

  test("count a fence as bad only where the primary has hardly any", async () => {
    const requests = () =>
      lines(Array.from({ length: 4 }, () => ({ response_format: { type: "json_object" } })));
    const [plain, fenced] = ["{}", "```json\n{}\n```"].map(
      (text) => () => lines(Array.from({ length: 4 }, () => ({ text }))),
    );
    const json = async (
      primary: AsyncGenerator<Uint8Array>,
      shadow: AsyncGenerator<Uint8Array>,
    ) => {
      const { flags } = await compareFiles({ primary, shadow, requests: requests() });
      return flags.find(({ flag }) => flag === "json");
    };
    if (plain === undefined || fenced === undefined) throw new Error("unreachable");
    expect(await json(plain(), fenced())).toMatchObject({ primary: 0, shadow: 1 });
    expect(await json(fenced(), fenced())).toMatchObject({ primary: 0, shadow: 0 });
  });
});

describe("files that are made to be hard", () => {
  test("a line without an end takes no memory, and the next line is read", async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      const chunk = Buffer.alloc(2 ** 20, "a");
      for (let i = 0; i < 64; i++) yield chunk;
      yield Buffer.from('\n{"text":"b"}');
    }
    const found = await compareFiles({
      primary: endless(),
      shadow: lines([{ text: "a" }, { text: "b" }]),
    });
    expect(found).toMatchObject({
      pairs: 1,
      files: [{ first_unused: [{ line: 1, problem: "longer than 4 MiB" }] }, {}],
    });
  });

  test("the same comes out wherever the bytes are cut, valid UTF-8 or not", async () => {
    const whole = async (bytes: Buffer, chunkBytes: number): Promise<FilesComparison> =>
      compareFiles({ primary: bytesOf(bytes, chunkBytes), shadow: bytesOf(bytes, chunkBytes + 1) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.uint8Array({ maxLength: 20 }),
            fc.constantFrom('{"text":"é🚀"}', "\n", "\r\n").map((text) => Buffer.from(text)),
          ),
          { maxLength: 12 },
        ),
        fc.integer({ min: 1, max: 7 }),
        async (parts, chunkBytes) => {
          const bytes = Buffer.concat(parts);
          expect(await whole(bytes, chunkBytes)).toEqual(await whole(bytes, 65_536));
        },
      ),
      { numRuns: 50 },
    );
  });

  test("answers whose partners are too far away end with an error", async () => {
    async function* many(from: number): AsyncGenerator<Uint8Array> {
      const text = "a".repeat(1_000_000);
      for (let i = 0; i < 100; i++)
        yield Buffer.from(`${JSON.stringify({ id: from + i, text })}\n`);
    }
    await expect(compareFiles({ primary: many(0), shadow: many(1_000) })).rejects.toThrow(
      PairingError,
    );
  });

  test.each(casesBySize(["id", "line"] as const, 1))(
    "a file that continues after the other ended, by %s",
    async (pairBy) => {
      async function* many(): AsyncGenerator<Uint8Array> {
        const text = "a".repeat(1_000_000);
        for (let id = 1; id <= 160; id++) yield Buffer.from(`${JSON.stringify({ id, text })}\n`);
      }
      const short = () => lines([1, 2, 3].map((id) => ({ id, text: "b" })));
      const found = await compareFiles(
        { primary: many(), shadow: short(), floor: lines([{ id: 1, text: "c" }]) },
        { pairBy },
      );
      expect(found).toMatchObject({ pairs: 3, triples: 1 });
      expect(found.files[0]?.unpaired).toEqual([
        { why: "no_partner", count: 157, first_lines: [4, 5, 6, 7, 8] },
      ]);
    },
  );

  test("ids that are too long are not kept", async () => {
    const long = { id: "x".repeat(1_025), text: "a" };
    const short = { id: "x".repeat(1_024), text: "a" };
    const found = await compareFiles(
      { primary: lines([long, short]), shadow: lines([long, short]), requests: lines([long]) },
      { pairBy: "id" },
    );
    const problem = "its id is longer than 1,024 characters";
    expect(found.pairs).toBe(1);
    expect(found.files).toMatchObject([
      { role: "primary", first_unused: [{ line: 1, problem }] },
      { role: "shadow", first_unused: [{ line: 1, problem }] },
      { role: "request", first_unused: [{ line: 1, problem }] },
    ]);
  });

  test("a line of a file of requests that is no request is named", async () => {
    const answers = () => lines([{ id: "a", text: "x" }]);
    const found = await compareFiles({
      ...{ primary: answers(), shadow: answers() },
      requests: lines([{ id: "a", choices: [{ message: { content: "x" } }] }]),
    });
    expect(found.files).toMatchObject([
      ...[{ unused: 0 }, { unused: 0 }],
      {
        unused: 1,
        first_unused: [
          {
            line: 1,
            problem: "not a request: it has no messages, tools, temperature or response_format",
          },
        ],
      },
    ]);
  });

  test("an abort ends it", async () => {
    const stop = new AbortController();
    stop.abort();
    const files = { primary: lines([{ text: "a" }]), shadow: lines([{ text: "a" }]) };
    await expect(compareFiles(files, { signal: stop.signal })).rejects.toThrow("aborted");
  });
});

test("no 8 code points of an answer, an id or a broken line come out", async () => {
  // Of private use, so that no name has them.
  const character = fc
    .integer({ min: 0xe000, max: 0xe0ff })
    .map((code) => String.fromCharCode(code));
  const secret = fc.string({ unit: character, minLength: 8, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(fc.array(secret, { minLength: 3, maxLength: 6 }), async (secrets) => {
      const [first = "", ...rest] = secrets;
      const content = (text: string) => ({
        id: text,
        text,
        tool_calls: [{ function: { name: text, arguments: text } }],
        finish_reason: text,
      });
      const primary = [
        ...secrets.map(content).map((value) => JSON.stringify(value)),
        `{"${first}`,
        `["${first}"]`,
      ].join("\n");
      const found = await compareFiles({
        primary: bytesOf(primary),
        shadow: lines(rest.map(content)),
        floor: lines(rest.map((text) => ({ ...content(first), id: text }))),
        requests: lines(
          rest.map((text) => ({
            id: text,
            tools: [{ name: text }],
            messages: [{ role: "user", content: text }],
          })),
        ),
      });
      const out = JSON.stringify(found);
      for (const text of secrets) {
        for (let i = 0; i + 8 <= text.length; i++) expect(out).not.toContain(text.slice(i, i + 8));
      }
    }),
    { numRuns: 50 },
  );
});

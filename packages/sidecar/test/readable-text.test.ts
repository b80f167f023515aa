import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { readableText } from "../src/capture/readable-text.ts";

const secrets = [
  "alice.secret@example.com",
  "sk-abc123DEF456ghi789JKL012mno345",
  "4111 1111 1111 1111",
  "+49 170 1234567",
  "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0",
];

/** One event of a stream with a piece of text, by format. */
const formats: Readonly<Record<string, (piece: string) => object>> = {
  chat: (content) => ({
    id: "c1",
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta: { content } }],
  }),
  "reasoning of chat": (each) => ({ choices: [{ index: 0, delta: { reasoning_content: each } }] }),
  completions: (text) => ({ id: "c1", choices: [{ index: 0, text }] }),
  messages: (text) => ({
    type: "content_block_delta",
    index: 0,
    delta: { type: "text_delta", text },
  }),
  responses: (delta) => ({ type: "response.output_text.delta", delta }),
  "arguments of a tool": (each) => ({
    choices: [{ delta: { tool_calls: [{ index: 0, function: { arguments: each } }] } }],
  }),
};

const escapedJson = (value: unknown) =>
  JSON.stringify(value).replaceAll(/[@.]/g, (each) => `\\u00${each.charCodeAt(0).toString(16)}`);

describe.each(Object.entries(formats))("a stream of %s", (_name, eventOf) => {
  const stream = (pieces: readonly string[], write: (value: unknown) => string) =>
    `${pieces.map((piece) => `data: ${write(eventOf(piece))}\n\n`).join("")}data: [DONE]\n\n`;

  test.each(secrets)("hides %s, wherever it is split", (secret) => {
    for (let cut = 0; cut <= secret.length; cut++) {
      const pieces = ["write to ", secret.slice(0, cut), secret.slice(cut), " today"];
      for (const write of [JSON.stringify, escapedJson]) {
        const text = readableText(stream(pieces, write as (value: unknown) => string));
        expect(text).not.toContain(secret);
        expect(text).toMatch(/write to \[(?:e-mail|key|card|phone)\].* today/);
      }
    }
  });

  test("hides a secret split into any pieces", () => {
    const cuts = fc.array(fc.nat(40), { maxLength: 12 });
    fc.assert(
      fc.property(fc.constantFrom(...secrets), cuts, (secret, places) => {
        const at = [...new Set([0, ...places.filter((each) => each < secret.length)])].toSorted(
          (a, b) => a - b,
        );
        const pieces = at.map((from, i) => secret.slice(from, at[i + 1]));
        const text = readableText(stream(["x ", ...pieces, " y"], JSON.stringify));
        expect(text).not.toContain(secret);
        expect(text).toContain("x [");
      }),
    );
  });
});

test("the choices of a stream are not mixed", () => {
  const event = (index: number, content: string) =>
    `data: ${JSON.stringify({ choices: [{ index, delta: { content } }] })}\n\n`;
  const pieces = ["alice", ".secret", "@exa", "mple.com"];
  const stream = pieces.map((each, i) => event(0, each) + event(1, `word ${i} `)).join("");
  const text = readableText(stream);
  expect(text).toContain('"choices.0.delta.content": "[e-mail]"');
  expect(text).toContain('"choices.1.delta.content": "word 0 word 1 word 2 word 3 "');
});

describe("a non-streaming body", () => {
  test.each(secrets)("hides %s", (secret) => {
    const body = { model: "m", messages: [{ role: "user", content: `x ${secret} y` }] };
    for (const write of [JSON.stringify, escapedJson]) {
      const whole = (write as (value: unknown) => string)(body);
      // Truncated, like long bodies.
      for (const text of [readableText(whole), readableText(whole.slice(0, -3))]) {
        expect(text).not.toContain(secret);
        expect(text).not.toContain(escapedJson(secret).slice(1, -1));
        expect(text).toMatch(/x \[/);
      }
    }
  });

  test("keeps the rest unchanged", () => {
    const body = JSON.stringify({ a: [1, true, null, "text"], b: { c: "d" } });
    expect(readableText(body)).toBe(body);
    expect(readableText("plain text")).toBe("plain text");
    expect(readableText("")).toBe("");
  });
});

test("any text is read within limits", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
      expect(typeof readableText(text)).toBe("string");
      expect(typeof readableText(`data: ${text}\n\n`)).toBe("string");
    }),
  );
  const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
  expect(readableText(deep).length).toBeLessThan(200);
  expect(readableText(`data: ${deep}\n\n`).length).toBeLessThan(200);
});

describe("JSON within a string, such as the arguments of a tool call", () => {
  const escaped = (text: string) =>
    [...text].map((each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
  const callOf = (args: string) =>
    JSON.stringify({ choices: [{ message: { tool_calls: [{ function: { arguments: args } }] } }] });
  const nested = (text: string, levels: number): string =>
    levels === 0 ? text : JSON.stringify(nested(text, levels - 1));

  test.each(secrets)("hides %s behind escapes, even if escaped several times", (secret) => {
    for (const written of [secret, escaped(secret)]) {
      for (const levels of [0, 1, 2, 3]) {
        const args = nested(`{"to":"${written}"}`, levels);
        expect(readableText(callOf(args))).not.toContain(secret);
        expect(readableText(callOf(args))).toMatch(/\[(?:e-mail|key|card|phone)\]/);
      }
    }
  });

  test.each(secrets)("hides %s in pieces of a stream, wherever an escape is split", (secret) => {
    const args = `{"to":"${escaped(secret)}"}`;
    for (let cut = 0; cut <= args.length; cut++) {
      const events = [args.slice(0, cut), args.slice(cut)].map((each) => {
        const call = { index: 0, function: { arguments: each } };
        return `data: ${JSON.stringify({ choices: [{ delta: { tool_calls: [call] } }] })}\n\n`;
      });
      expect(readableText(events.join(""))).toMatch(/\[(?:e-mail|key|card|phone)\]/);
    }
  });

  test("keeps text without hidden secrets unchanged", () => {
    const text = "a \\n b C:\\new \\u00e9";
    expect(JSON.parse(readableText(JSON.stringify({ text })))).toEqual({ text });
  });
});

describe("a run of 64 KiB of backslashes", () => {
  const run = "\\".repeat(64 * 1024);

  test.each([
    { name: "as text", body: run },
    { name: "with text after it", body: `${run}x${run}` },
    { name: "in truncated JSON", body: `{"messages":[{"content":"${run}` },
    { name: "in JSON", body: JSON.stringify({ content: run }) },
    { name: "in a stream", body: `data: ${JSON.stringify({ delta: run })}\n\n` },
  ])("is read in linear time: $name", ({ body }) => {
    const startedMs = performance.now();
    expect(readableText(body)).toContain("\\\\");
    // One search per backslash takes ten times as long.
    expect(performance.now() - startedMs).toBeLessThan(1_000);
  });

  test("hides nothing", () => {
    expect(readableText(`${run}u0061lice.secret@example.com`)).toBe("[e-mail]");
  });
});

test.each([
  { name: "a body", body: '{"prompt":"card 4111 1111 11', want: '{"prompt":"card ' },
  {
    name: "a stream",
    body: 'data: {"text":"write to jane"}\n\ndata: {"text":".doe@exam"}\n\ndata: {"te',
    want: '{\n "text": "write to "\n}',
  },
  {
    name: "a stream with one whole event",
    body: 'data: {"text":"write to jane.doe@exam"}\n\ndata: {"te',
    want: '{\n "text": "write to "\n}',
  },
])("of $name that was cut, no start of a secret is left", ({ body, want }) => {
  expect(readableText(body, { isCut: true })).toBe(want);
});

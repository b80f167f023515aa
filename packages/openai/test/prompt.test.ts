import { describe, expect, test } from "@jest/globals";
import { promptOf, readRequest } from "@umbra/openai";
import {
  createPool,
  createProfile,
  maxScorePicker,
  prefixCacheScorer,
  promptTokensOf,
} from "@umbra/scheduler";
import fc from "fast-check";

const messages = [{ role: "user", content: "hi" }];
const tools = [{ type: "function", function: { name: "f" } }];

function promptIn(body: object | string): Uint8Array | undefined {
  const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  const read = readRequest(bytes);
  if (!read.ok) throw new Error(read.message);
  return promptOf(bytes, read.fields);
}

const textIn = (body: object | string) => Buffer.from(promptIn(body) ?? []).toString();
const tokensIn = (body: object) =>
  promptTokensOf({ model: "m", prompt: promptIn(body) ?? Buffer.of() });

describe("the prompt", () => {
  test.each<{ name: string; body: object; want: string }>([
    { name: "messages alone", body: { messages }, want: '[{"role":"user","content":"hi"}' },
    { name: "a text to complete", body: { prompt: "once" }, want: '"once' },
    { name: "several texts", body: { prompt: ["a", "b"] }, want: '["a","b"' },
    { name: "token ids", body: { prompt: [[1, 2], [3]] }, want: "[[1,2],[3]" },
    { name: "the input of an embedding", body: { input: ["a", "b"] }, want: '["a","b"' },
    {
      name: "tools before messages, wherever they are in the body",
      body: { messages, tools },
      want: `${JSON.stringify(tools)}[{"role":"user","content":"hi"}`,
    },
    {
      name: "tools, system, messages",
      body: { system: "be brief", messages, tools },
      want: `${JSON.stringify(tools)}"be brief"[{"role":"user","content":"hi"}`,
    },
    {
      name: "system blocks",
      body: { messages, system: [{ type: "text", text: "s" }] },
      want: '[{"type":"text","text":"s"}][{"role":"user","content":"hi"}',
    },
    { name: "instructions", body: { input: "q", instructions: "be brief" }, want: '"be brief""q' },
    {
      name: "a salt before all",
      body: { messages, tools, cache_salt: "tenant-a" },
      want: `"tenant-a"${JSON.stringify(tools)}[{"role":"user","content":"hi"}`,
    },
    {
      name: "what is null or empty left out",
      body: { messages, tools: [], system: "", instructions: null, cache_salt: null },
      want: '[{"role":"user","content":"hi"}',
    },
    { name: "the input with a null prompt", body: { prompt: null, input: "q" }, want: '"q' },
    {
      name: "the input with a reference to a prompt",
      body: { prompt: { id: "p1" }, input: "q" },
      want: '"q',
    },
  ])("is $name", ({ body, want }) => {
    expect(textIn({ model: "m", ...body })).toBe(want);
  });

  test("is undefined if there is nothing to read", () => {
    expect(promptIn({ model: "m" })).toBeUndefined();
    expect(promptIn({ model: "m", messages: 7 })).toBeUndefined();
    expect(promptOf(undefined, new Map())).toBeUndefined();
  });

  test("of messages alone is a view of the body: nothing is copied", () => {
    const body = Buffer.from(
      JSON.stringify({ model: "m", messages: [{ role: "user", content: "x ".repeat(50_000) }] }),
    );
    const read = readRequest(body);
    const prompt = read.ok ? promptOf(body, read.fields) : undefined;
    expect(prompt?.buffer).toBe(body.buffer);
  });

  test("of a conversation's next turn begins with that of the turn before", () => {
    const turn = fc.record({ role: fc.constantFrom("user", "assistant"), content: fc.string() });
    fc.assert(
      fc.property(
        fc.array(turn, { minLength: 1, maxLength: 4 }),
        fc.array(turn, { minLength: 1, maxLength: 2 }),
        fc.record({ tools: fc.constant(tools), system: fc.string() }, { requiredKeys: [] }),
        (before, after, more) => {
          const first = textIn({ model: "m", messages: before, ...more });
          const second = textIn({ model: "m", messages: [...before, ...after], ...more });
          expect(second.startsWith(first)).toBe(true);
        },
      ),
    );
  });
});

const base64 = (bytes: number, seed = 1) => {
  const random = Buffer.alloc(bytes);
  let state = seed;
  for (let i = 0; i < bytes; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    random[i] = state >>> 24;
  }
  return random.toString("base64");
};
const question = { type: "text", text: "what is it?" };
const withPart = (part: object) => ({
  model: "m",
  messages: [{ role: "user", content: [part, question] }],
});

const media: readonly { readonly name: string; readonly of: (data: string) => object }[] = [
  {
    name: "chat's image_url",
    of: (data) =>
      withPart({ type: "image_url", image_url: { url: `data:image/png;base64,${data}` } }),
  },
  {
    name: "chat's input_audio",
    of: (data) => withPart({ type: "input_audio", input_audio: { data, format: "wav" } }),
  },
  { name: "chat's file", of: (data) => withPart({ type: "file", file: { file_data: data } }) },
  {
    name: "vLLM's video_url",
    of: (data) =>
      withPart({ type: "video_url", video_url: { url: `data:video/mp4;base64,${data}` } }),
  },
  {
    name: "messages' image",
    of: (data) =>
      withPart({ type: "image", source: { type: "base64", media_type: "image/png", data } }),
  },
  {
    name: "responses' input_image",
    of: (data) => ({
      model: "m",
      input: [
        {
          role: "user",
          content: [{ type: "input_image", image_url: `data:image/jpeg;base64,${data}` }],
        },
      ],
    }),
  },
];

describe("an image or a sound in base64", () => {
  test.each(media)("counts as about a thousand tokens, whatever its size: $name", ({ of }) => {
    for (const bytes of [6_000, 100_000, 1_000_000]) {
      const tokens = tokensIn(of(base64(bytes)));
      expect(tokens).toBeGreaterThan(1_000);
      expect(tokens).toBeLessThan(1_100);
    }
  });

  test.each(media)("that is another one makes another prompt: $name", ({ of }) => {
    const one = base64(300_000);
    expect(textIn(of(one))).toBe(textIn(of(one)));
    expect(textIn(of(base64(300_000, 2)))).not.toBe(textIn(of(one)));
    // The same bytes, and more.
    expect(textIn(of(base64(300_003)))).not.toBe(textIn(of(one)));
  });

  test("is found in JSON with white space and escaped slashes", () => {
    const data = base64(300_000).replaceAll("/", "\\/");
    const url = `{"model":"m","messages" : [ {"image_url" : {"url" : "data:image\\/png;base64,${data}"}} ]}`;
    const bare = `{"model":"m","messages":[{"source":{"data" :\n  "${data}"}}]}`;
    for (const body of [url, bare]) expect(textIn(body).length).toBeLessThan(10_000);
  });

  test("several media are all replaced, and the text between and after them stays", () => {
    const url = `data:image/png;base64,${base64(300_000)}`;
    const image = { type: "image_url", image_url: { url } };
    const body = withPart({ type: "text", text: "first" });
    const of = (count: number) => ({
      ...body,
      messages: [{ role: "user", content: [...Array(count).fill(image), question] }],
    });
    expect(Math.round(tokensIn(of(3)) / 1_050)).toBe(3);
    expect(textIn(of(3))).toContain("what is it?");
  });

  test.each([
    { name: "prose", text: "word ".repeat(4_000) },
    { name: "text without spaces", text: "x".repeat(20_000) },
    { name: "text about data URLs", text: `data: ${"word ".repeat(4_000)}` },
    { name: "a field of that name with text", text: "no, words ".repeat(2_000), key: "data" },
    { name: "base64 in a field of text", text: base64(15_000) },
  ])("is no long text: $name", ({ text, key = "text" }) => {
    const body = withPart({ type: "text", [key]: text });
    expect(textIn(body)).toBe(JSON.stringify(body.messages).slice(0, -1));
  });
});

describe("the index of prefixes", () => {
  /** Tokens of the second prompt that the first one's endpoint is believed to hold. */
  function cached(first: object, second: object): number {
    const profile = createProfile({
      name: "by prefix",
      scorers: [{ scorer: prefixCacheScorer(), weight: 1 }],
      picker: maxScorePicker,
    });
    const pool = createPool({ name: "p", now: () => 0, profiles: [{ profile }] });
    pool.setEndpoints(["10.0.0.1:1", "10.0.0.2:1"]);
    const request = (body: object) => ({ model: "m", prompt: promptIn(body) ?? Buffer.of() });
    pool.pick(request(first));
    const scores = pool.explain(request(second)).scorers[0]?.scores ?? [];
    const share = Math.max(...scores.map(({ score }) => score));
    return share * promptTokensOf(request(second));
  }

  const long = { messages: [{ role: "user", content: "word ".repeat(2_000) }] };

  test("shares what has the same salt, and nothing across salts", () => {
    const salted = (cache_salt: string) => ({ model: "m", ...long, cache_salt });
    expect(cached(salted("a"), salted("a"))).toBeGreaterThan(2_000);
    expect(cached(salted("a"), salted("b"))).toBe(0);
    expect(cached(salted("a"), { model: "m", ...long })).toBe(0);
  });

  test("shares tools and system text between conversations", () => {
    const system = "rule ".repeat(1_000);
    const of = (content: string) => ({ model: "m", system, messages: [{ role: "user", content }] });
    expect(cached(of("one"), of("two"))).toBeGreaterThan(1_100);
    expect(cached({ ...of("one"), system: `other ${system}` }, of("one"))).toBe(0);
  });

  test("shares an image that is the same", () => {
    const of = (seed: number) =>
      withPart({ image_url: { url: `data:image/png;base64,${base64(300_000, seed)}` } });
    expect(cached(of(1), of(1))).toBeGreaterThan(900);
    expect(cached(of(1), of(2))).toBe(0);
  });
});

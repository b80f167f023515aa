/** A request's body, and how many times as fast as JSON.parse its scan must be. */
export interface BenchBody {
  readonly name: string;
  readonly body: Buffer;
  readonly asked: number;
}

/** Request bodies of the kinds that clients send. */
export function bodies(): readonly BenchBody[] {
  const sized = (name: string, text: string, asked: number, sizes: readonly number[]) =>
    sizes.map((bytes) => ({ name, body: chat([{ content: repeated(text, bytes) }]), asked }));
  const toMegabyte = [1_024, 16_384, 262_144, 1_048_576];
  return [
    ...sized("prose", prose, 1.5, [...toMegabyte, 8_388_608]),
    ...sized("lines of prose", `${prose}\n`, 1.2, toMegabyte),
    ...sized("unicode", cjk, 5, toMegabyte),
    // An escape every seven characters: each is looked at by itself, here as there.
    ...sized("code, much escaped", code, 0.6, toMegabyte),
    { name: "\\u escapes", body: escaped(chat([{ content: repeated(cjk, 16_384) }])), asked: 0.7 },
    ...[65_536, 2_097_152].map((bytes) => {
      return { name: "base64 image", body: chat([image(bytes)]), asked: 1.5 };
    }),
    ...[20, 300, 5_000].map((count) => {
      return { name: "many messages", body: chat(messages(count)), asked: 1.2 };
    }),
    { name: "the same, indented", body: chat(messages(300), 2), asked: 0.8 },
    { name: "token numbers", body: embeddings(20_000), asked: 0.5 },
    { name: "deep nesting", body: chat(Array.from({ length: 300 }, () => nested(100))), asked: 2 },
    { name: "tools", body: tools(60), asked: 1.5 },
  ];
}

const prose =
  "In the first place we have to know what it is that the reader wants, and only then can we say how. ";
const code = 'if (name === "model") {\n\treturn fields.get("model")?.value ?? "none";\n}\n';
const cjk = "推理请求的路由取决于每个模型服务器的队列和缓存 🚀 ";

function chat(contents: readonly object[], indent?: number): Buffer {
  const body = {
    model: "meta-llama/Llama-3.1-8B-Instruct",
    stream: true,
    messages: contents.map((content) => ({ role: "user", ...content })),
    temperature: 0.7,
    max_tokens: 256,
  };
  return Buffer.from(JSON.stringify(body, undefined, indent));
}

function repeated(text: string, bytes: number): string {
  return text.repeat(Math.ceil(bytes / Buffer.byteLength(text)));
}

function escaped(body: Buffer): Buffer {
  const text = body
    .toString()
    .replaceAll(/[^\0-\x7f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return Buffer.from(text);
}

function image(bytes: number): object {
  const pixels = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i++) pixels[i] = (i * 2_654_435_761) >>> 13;
  const url = `data:image/png;base64,${pixels.toString("base64")}`;
  return {
    content: [
      { type: "text", text: "What is this?" },
      { type: "image_url", image_url: { url } },
    ],
  };
}

function messages(count: number): readonly object[] {
  return Array.from({ length: count }, (_, i) => ({
    content: `${prose.slice(0, 20 + (i % 70))}${i}`,
  }));
}

function nested(levels: number): object {
  let value: object = {};
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { a: value };
  return { content: value };
}

function embeddings(count: number): Buffer {
  const input = Array.from({ length: count }, (_, i) => (i * 7_919) % 128_256);
  return Buffer.from(JSON.stringify({ model: "embed", input }));
}

function tools(count: number): Buffer {
  const list = Array.from({ length: count }, (_, i) => ({
    type: "function",
    function: {
      name: `tool_${i}`,
      description: prose,
      parameters: {
        type: "object",
        properties: { city: { type: "string" }, unit: { enum: ["C", "F"] } },
        required: ["city"],
      },
    },
  }));
  return Buffer.from(
    JSON.stringify({ model: "m", messages: [{ role: "user", content: "Weather?" }], tools: list }),
  );
}

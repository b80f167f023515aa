import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import { createBodyDecoder } from "@umbra/openai/decode";
import { readFormField } from "@umbra/openai/internal";
import fc from "fast-check";

const type = 'multipart/form-data; boundary="x-y"';
const form = (...parts: readonly string[]) =>
  Buffer.from(`${parts.map((part) => `--x-y\r\n${part}\r\n`).join("")}--x-y--\r\n`);
const field = (name: string, value: string) =>
  `Content-Disposition: form-data; name="${name}"\r\n\r\n${value}`;
const file = (name: string, bytes: string) =>
  `content-disposition: form-data; name="${name}"; filename="a.wav"\r\ncontent-type: audio/wav\r\n\r\n${bytes}`;

const prose = "the same line of a prompt, again and again, and once more; ";

describe("a field of a form", () => {
  test("is not looked for behind 128 parts: the form is refused", () => {
    const parts = Array.from({ length: 128 }, (_, i) => field(i === 0 ? "model" : "x", "allowed"));
    expect(readFormField(form(...parts), type, "x")).toMatchObject({ ok: true });
    const smuggled = form(...parts, field("model", "secret"));
    expect(readFormField(smuggled, type, "model")).toMatchObject({
      ok: false,
      reason: "too many parts",
    });
  });

  test.each<{ name: string; body: Buffer; contentType?: string; value: string | undefined }>([
    { name: "before a file", body: form(field("model", "m"), file("file", "RIFF")), value: "m" },
    {
      name: "behind a file",
      body: form(file("file", "RIFF--x-"), field("model", "m")),
      value: "m",
    },
    {
      name: "behind a preamble",
      body: Buffer.from(`hi\r\n${form(field("model", "m"))}`),
      value: "m",
    },
    { name: "twice", body: form(field("model", "a"), field("model", "m")), value: "m" },
    { name: "not there", body: form(field("modell", "m")), value: undefined },
    { name: "a file of that name", body: form(file("model", "RIFF")), value: undefined },
    { name: "empty", body: form(field("model", "")), value: "" },
    { name: "in a file's bytes", body: form(file("file", field("model", "m"))), value: undefined },
    { name: "too long", body: form(field("model", "m".repeat(2_000))), value: undefined },
    {
      name: "of another boundary's form",
      body: form(field("model", "m")),
      contentType: "Multipart/Form-Data; charset=utf-8;boundary=x-y",
      value: "m",
    },
    {
      name: "without quotes",
      body: form("Content-Disposition: form-data; name=model\r\n\r\nm"),
      value: "m",
    },
  ])("$name", ({ body, contentType = type, value }) => {
    const read = readFormField(body, contentType, "model");
    expect(read).toMatchObject({ ok: true });
    const found = read.ok ? read.field : undefined;
    expect(found?.value).toBe(value);
    expect(found && body.toString("utf8", found.start, found.end)).toBe(value);
  });

  test.each([
    { name: "no boundary", body: form(field("model", "m")), contentType: "multipart/form-data" },
    { name: "another boundary", body: form(field("model", "m")), contentType: `${type}z` },
    { name: "no end", body: Buffer.from(`--x-y\r\n${field("a", "m")}`), contentType: type },
    {
      name: "endless headers",
      body: Buffer.from(`--x-y\r\n${"a".repeat(9_000)}`),
      contentType: type,
    },
    { name: "nothing", body: Buffer.alloc(0), contentType: type },
  ])("refuses a form with $name", ({ body, contentType }) => {
    const read = readFormField(body, contentType.replace('"z', 'z"'), "model");
    expect(read.ok).toBe(false);
  });

  test("is found whatever the files hold", () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ maxLength: 200 }), (bytes, value) => {
        fc.pre(!bytes.includes("--x-y") && !value.includes("--x-y"));
        const read = readFormField(form(file("file", bytes), field("model", value)), type, "model");
        expect(read.ok ? read.field?.value : read).toBe(value);
      }),
    );
  });

  test("costs little in a hostile body", () => {
    const startedMs = performance.now();
    const body = Buffer.alloc(8 * 1024 * 1024, "\r\n--x-");
    expect(readFormField(body, type, "model").ok).toBe(false);
    const parts = Buffer.alloc(8 * 1024 * 1024, "--x-y\r\na\r\n\r\n");
    readFormField(parts, type, "model");
    expect(performance.now() - startedMs).toBeLessThan(500);
  });
});

describe("a compressed body", () => {
  const text = Buffer.from(JSON.stringify({ model: "m", prompt: "x".repeat(10_000) }));

  test.each([
    { coding: "gzip" as const, bytes: gzipSync(text) },
    { coding: "deflate" as const, bytes: deflateSync(text) },
    { coding: "br" as const, bytes: brotliCompressSync(text) },
    { coding: "zstd" as const, bytes: zstdCompressSync(text) },
  ])("of $coding is decoded", async ({ coding, bytes }) => {
    const decoder = createBodyDecoder({ maxBytes: 1e6 });
    expect(decoder.codingOf(` ${coding.toUpperCase()} `)).toBe(coding);
    const decoded = await decoder.decode(bytes, coding);
    expect(decoded.ok && Buffer.from(decoded.body).equals(text)).toBe(true);
    const broken = await decoder.decode(Buffer.concat([bytes.subarray(3), bytes]), coding);
    expect(broken).toEqual({ ok: false, reason: "broken" });
  });

  test("may get no longer than allowed: a bomb is stopped on its way", async () => {
    const decoder = createBodyDecoder({ maxBytes: 1e6 });
    const bomb = gzipSync(Buffer.alloc(100_000_000));
    expect(await decoder.decode(bomb, "gzip")).toEqual({ ok: false, reason: "too large" });
  });

  test("may get no more than 100 times as long, beyond a megabyte", async () => {
    const decoder = createBodyDecoder({ maxBytes: 32 * 1024 * 1024 });
    const short = await decoder.decode(gzipSync(Buffer.alloc(1024 * 1024)), "gzip");
    expect(short.ok).toBe(true);
    const bomb = gzipSync(Buffer.alloc(30 * 1024 * 1024));
    expect(await decoder.decode(bomb, "gzip")).toEqual({ ok: false, reason: "too dense" });
    const dense = gzipSync(Buffer.from(prose.repeat(40_000)));
    expect(
      await createBodyDecoder({ maxBytes: 8e6, maxRatio: 1_000 }).decode(dense, "gzip"),
    ).toMatchObject({ ok: true });
  });

  test("waits for its turn, and not without bound", async () => {
    const bytes = gzipSync(text);
    const decoder = createBodyDecoder({
      maxBytes: 1e6,
      atOnce: 1,
      maxWaitingBytes: 2 * bytes.length,
    });
    const all = await Promise.all([1, 2, 3, 4].map(() => decoder.decode(bytes, "gzip")));
    expect(all.map((each) => (each.ok ? "ok" : each.reason))).toEqual(["ok", "ok", "ok", "busy"]);
    expect((await decoder.decode(bytes, "gzip")).ok).toBe(true);
  });

  test.each([
    ["", "identity"],
    [undefined, "identity"],
    ["identity", "identity"],
    ["x-gzip", "gzip"],
    ["compress", "unknown"],
    ["gzip, gzip", "unknown"],
    ["constructor", "unknown"],
  ])("the coding of %p is %s", (header, coding) => {
    expect(createBodyDecoder({ maxBytes: 1 }).codingOf(header)).toBe(coding);
  });
});

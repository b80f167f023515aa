import { describe, expect, test } from "@jest/globals";
import { readRequest } from "@umbra/openai";
import { jsonKeys, scanJson } from "@umbra/openai/json";
import fc from "fast-check";
import { propertyRuns } from "../../../testing/property-runs.ts";

const keys = jsonKeys(["model", "stream"], ["messages"]);
const scan = (text: string) => scanJson(Buffer.from(text), keys);

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe("scanJson", () => {
  test.each([
    { name: "a string", text: '{"model":"m"}', want: { kind: "string", value: "m" } },
    {
      name: "the last of repeated keys",
      text: '{"model":"a","model":"b"}',
      want: { kind: "string", value: "b" },
    },
    { name: "an escaped key", text: '{"mod\\u0065l":"m"}', want: { kind: "string", value: "m" } },
    {
      name: "no nested key",
      text: '{"a":{"model":"inner"},"model":"m"}',
      want: { kind: "string", value: "m" },
    },
    {
      name: "no key inside a string",
      text: '{"a":"\\"model\\":\\"x\\"","model":"m"}',
      want: { kind: "string", value: "m" },
    },
    {
      name: "a key behind arrays",
      text: '{"a":[[{}],[1,-2.5e3,true,null]],"model":"m"}',
      want: { kind: "string", value: "m" },
    },
    { name: "a number", text: '{"model":1e3}', want: { kind: "number", value: 1_000 } },
    { name: "a long number", text: '{"model":1e999}', want: { kind: "number", value: Infinity } },
    { name: "a list", text: '{"model":[]}', want: { kind: "array" } },
    { name: "a value written with escapes", text: '{"model":"\\u006d"}', want: { value: "m" } },
    {
      name: "which key is repeated",
      text: '{"model":"a","model":"b"}',
      want: { value: "b", isRepeated: true, start: 21, end: 24 },
    },
  ])("finds $name", ({ text, want }) => {
    const found = scan(text);
    expect(found.ok ? found.fields.get("model") : found).toMatchObject(want);
  });

  test.each([
    "",
    " ",
    "{",
    '{"model"',
    '{"model":',
    '{"a":1,}',
    "{} {}",
    '{"a":01}',
    '{"a":tru}',
    "{a:1}",
    '{"a":"',
    "[1,]",
    '{"a" 1}',
    "nul",
    '{"a":"\\x"}',
    '{"a":"\\u00g0"}',
    '{"a":"\\',
    '{"a":"\n"}',
    `{"a":"${"x".repeat(1_000)}\u0000${"x".repeat(1_000)}"}`,
    `{"a":"${"x".repeat(1_000)}`,
    '\ufeff\ufeff{"model":"m"}',
    ' \ufeff{"model":"m"}',
    "\ufeff",
    '{"a":1.}',
    '{"a":1e+}',
    '{"a":-}',
    '{"a":\u00a01}',
  ])("refuses %j", (text) => {
    expect(scan(text)).toMatchObject({ ok: false, code: "invalid_json" });
  });

  test.each(["[1]", "null", '"text"', "7"])("refuses %s, which is no object", (text) => {
    expect(scan(text)).toMatchObject({ ok: false, code: "invalid_json_type" });
  });

  test("stops in a string that exceeds what the values before it in a list have left", () => {
    const values = '"",'.repeat(380_000);
    const listed = (escapes: number) => `{"x":[${values}"${"\\naaaaaaaaaa".repeat(escapes)}"]}`;
    expect(scan(listed(100_000))).toMatchObject({ ok: true });
    const refused = scan(listed(200_000));
    expect(refused).toMatchObject({ ok: false, code: "json_too_complex" });
    const offset = refused.ok ? 0 : refused.offset;
    expect(offset - values.length).toBeGreaterThan(100_000 * 12);
    expect(offset - values.length).toBeLessThan(130_000 * 12);
  });

  /** Lists of integers, with every separator, ending and form of a number that JSON may or may not allow. */
  test("a list of integers is accepted if JSON.parse accepts it", () => {
    const number = fc.constantFrom(
      ...["0", "7", "12", "01", "-3", "-", "", "1.5", "1e9", "123456789012345", "1234567890123456"],
      ...["12345678901234567890", '"1"', "[1,2]", "[]", "null", "x", " 4 ", "\n5"],
    );
    const separator = fc.constantFrom(",", ",", ", ", ",  ", ",\n", " ,", " ", ",,");
    const list = fc.array(fc.tuple(number, separator), { maxLength: 9 });
    const end = fc.constantFrom("1]}", "]}", "1", "1,", "1, ", "", "1]", ",1]}");
    fc.assert(
      fc.property(list, end, (pairs, last) => {
        const text = `{"a":[${pairs.flat().join("")}${last}`;
        expect(scan(text).ok).toBe(isJson(text));
      }),
      { numRuns: 3_000 },
    );
  });

  test("refuses 129 levels and accepts 128", () => {
    const nested = (levels: number) => `{"a":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`;
    expect(scan(nested(128)).ok).toBe(true);
    expect(scan(nested(129))).toMatchObject({ ok: false, code: "json_too_deep" });
  });

  const many = (unit: string, count: number, before = "", after = "") =>
    Buffer.from(`{"model":"m",${before}${unit.repeat(count)}${after}"z":1}`);
  // What is a few times more than a client sends passes; what would hold up all others does not.
  test.each([
    { name: "values in a list", unit: "1,", most: 399_000, before: '"x":[', after: "1]," },
    {
      name: "members of an object",
      unit: '"a":1,',
      most: 149_000,
      before: '"x":{',
      after: '"b":1},',
    },
    { name: "top-level members", unit: '"a":1,', most: 9_700 },
    { name: "escapes", unit: "\\na", most: 6_200_000, before: '"p":"', after: '",' },
    { name: "escapes without a break", unit: "\\n", most: 9_400_000, before: '"p":"', after: '",' },
    { name: "spaces", unit: " ", most: 4_700_000 },
    { name: "line ends", unit: "\r\n", most: 2_300_000 },
    { name: "digits of a number", unit: "1", most: 2_046, before: '"max_tokens":', after: "," },
    {
      name: "escapes among words",
      unit: `\\n${"a".repeat(10)}`,
      most: 2_300_000,
      before: '"p":"',
      after: '",',
    },
  ])("takes as many $name as clients send, and refuses more", ({ unit, most, before, after }) => {
    expect(scanJson(many(unit, most, before, after), keys)).toMatchObject({ ok: true });
    expect(scanJson(many(unit, Math.ceil(most * 1.1), before, after), keys)).toMatchObject({
      ok: false,
      code: "json_too_complex",
    });
  });

  test("takes 4 MB of JSON and of code in a string", () => {
    const value = { id: 7, name: "some name", tags: ["a", "b"], path: "C:\\dir", quote: '"' };
    const code = 'if (name === "model") {\n\treturn fields.get("model")?.value ?? "none";\n}\n';
    const texts = [JSON.stringify(Array(43_000).fill(value), undefined, 2), code.repeat(56_000)];
    for (const prompt of texts) {
      expect(prompt.length).toBeGreaterThan(4_000_000);
      const body = Buffer.from(JSON.stringify({ model: "m", prompt }));
      expect(scanJson(body, keys)).toMatchObject({ ok: true });
    }
  });

  test.each(["mod\\u0065l", "\\u006dodel", "mode\\u006C", "\\u006d\\u006f\\u0064\\u0065\\u006c"])(
    "finds the key %s",
    (key) => {
      const found = scan(`{"${key}":"m"}`);
      expect(found.ok && found.fields.get("model")).toMatchObject({ value: "m" });
    },
  );

  test.each(["mod\\u0165l", "mode\\l", "\\/", "model\\n", "\\ud83d\\ude80", 'mo\\"del'])(
    "does not take the key %s for another",
    (key) => {
      const text = `{"${key}":"x"}`;
      const found = scan(text);
      expect([found.ok, found.ok && found.fields.get("model")]).toEqual(
        isJson(text) ? [true, undefined] : [false, false],
      );
    },
  );

  test("agrees with JSON.parse on every JSON object", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom("model", "stream", "x", 'y"'), fc.jsonValue({ maxDepth: 4 })),
        fc.constantFrom(0, 1, 2),
        (object, indent) => {
          const text = JSON.stringify(object, null, indent);
          const found = scan(text);
          const model = (JSON.parse(text) as { model?: unknown }).model;
          if (!found.ok) throw new Error(`${found.code} at ${found.offset}`);
          const field = found.fields.get("model");
          expect(field !== undefined && "value" in field ? field.value : undefined).toEqual(
            typeof model === "object" ? undefined : model,
          );
        },
      ),
    );
  });

  test("locates a field without reading it", () => {
    const found = scan('{"messages":"a long prompt"}');
    expect(found).toMatchObject({ ok: true });
    if (!found.ok) return;
    expect(found.fields.get("messages")).toEqual({
      kind: "text",
      start: 12,
      end: 27,
      isRepeated: false,
    });
  });

  test.each([
    { name: "a byte that begins nothing", bytes: [0xff] },
    { name: "a continuation alone", bytes: [0x80] },
    { name: "a cut character", bytes: [0xe2, 0x82] },
    { name: "an overlong slash", bytes: [0xc0, 0xaf] },
    { name: "a surrogate", bytes: [0xed, 0xa0, 0x80] },
    { name: "a character beyond Unicode", bytes: [0xf4, 0x90, 0x80, 0x80] },
    { name: "Latin-1", bytes: [0x66, 0xfc, 0x72] },
  ])("refuses $name, and says where", ({ bytes }) => {
    for (const before of ['{"a":"', `{"model":"m","messages":"${"é€😀".repeat(2_000)}`, '"']) {
      const closing = before.startsWith("{") ? '"}' : '"';
      const text = Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(closing)]);
      const at = Buffer.byteLength(before) + bytes.findIndex((byte) => byte >= 0x80);
      const found = scanJson(text, keys);
      expect(found).toMatchObject({ ok: false, code: "invalid_json" });
      const offset = found.ok ? -1 : found.offset;
      // A decoder's replacement character may share its first two bytes with what it replaces.
      expect(offset - at).toBeGreaterThanOrEqual(0);
      expect(offset - at).toBeLessThanOrEqual(2);
    }
  });

  test("ignores a byte order mark and finds the fields after it", () => {
    const text = Buffer.from('\ufeff {"model":"m"}');
    const found = scanJson(text, keys);
    const field = found.ok ? found.fields.get("model") : undefined;
    expect(field).toEqual({ kind: "string", value: "m", start: 13, end: 16, isRepeated: false });
    expect(text.toString("utf8", 13, 16)).toBe('"m"');
  });

  test("takes exactly the texts that a strict decoder takes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), fc.nat({ max: 4_100 }), (bytes, padding) => {
        const text = Buffer.concat([
          Buffer.from(`{"a":"${"é".repeat(padding)}`),
          Buffer.from(bytes.map((byte) => (byte < 0x80 ? 0x61 : byte))),
          Buffer.from('"}'),
        ]);
        let isText = true;
        try {
          new TextDecoder("utf-8", { fatal: true }).decode(text);
        } catch {
          isText = false;
        }
        expect(scanJson(text, keys).ok).toBe(isText);
      }),
      { numRuns: propertyRuns(500, 2_000) },
    );
  });

  test("refuses 5 MB of [ without reading them", () => {
    const text = Buffer.from(`{"messages":${"[".repeat(5_000_000)}`);
    const times = [1, 2, 3].map(() => {
      const started = performance.now();
      expect(scanJson(text, keys)).toMatchObject({ code: "json_too_deep" });
      return performance.now() - started;
    });
    expect(Math.min(...times)).toBeLessThan(20);
  });

  test.each([
    { what: "a quote only at the end", piece: "\\n", tail: "" },
    { what: "a backslash only at the end", piece: '","a":"', tail: "\\n" },
  ])("looks at no byte too often where there is $what", ({ piece, tail }) => {
    const text = Buffer.from(`{"a":"${`${"x".repeat(600)}${piece}`.repeat(200)}${tail}"}`);
    const find = text.indexOf.bind(text);
    let searched = 0;
    text.indexOf = (value: string | number | Uint8Array, from?: number | BufferEncoding) => {
      const at = find(value, from as number);
      searched += (at < 0 ? text.length : at) - Number(from);
      return at;
    };
    expect(scanJson(text, keys).ok).toBe(true);
    // Once for each of the two marks.
    expect(searched).toBeGreaterThan(text.length / 2);
    expect(searched).toBeLessThan(2 * text.length + 1);
  });

  test("takes and refuses what JSON.parse does", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'{}[]:,"a1-.e tnu\\\n'), maxLength: 12 }),
        fc.constantFrom("", `{"a":"${"x".repeat(40)}`, `["${"é".repeat(20)}"`),
        (text, before) => {
          let isJson = true;
          try {
            JSON.parse(before + text);
          } catch {
            isJson = false;
          }
          const found = scan(before + text);
          expect(found.ok || found.code === "invalid_json_type").toBe(isJson);
        },
      ),
      { numRuns: propertyRuns(1_000, 5_000) },
    );
  });

  test("finds the same at any offset of the text in its memory", () => {
    const text = `{"x":"${"y".repeat(300)}\\n","model":"m","z":"é"}`;
    for (let offset = 0; offset < 8; offset++) {
      const memory = Buffer.alloc(text.length + 16, '"');
      const body = memory.subarray(offset, offset + Buffer.byteLength(text));
      body.write(text);
      const found = scanJson(body, keys);
      expect(found.ok && found.fields.get("model")).toMatchObject({ value: "m" });
      expect(scanJson(body.subarray(0, -1), keys).ok).toBe(false);
      expect(scanJson(body.subarray(0, 100), keys).ok).toBe(false);
    }
  });
});

describe("readRequestBody", () => {
  test("reads model and stream", () => {
    expect(readRequest(Buffer.from('{"model":"m","stream":true}'))).toMatchObject({
      ok: true,
      model: "m",
      isStream: true,
    });
  });

  test.each([
    { text: '{"model":7}', code: "missing_model" },
    { text: '{"model":{}}', code: "missing_model" },
    { text: '{"model":true}', code: "missing_model" },
    { text: '{"model":"a\\u0000"}', code: "invalid_model" },
    { text: `{"model":"${"é".repeat(129)}"}`, code: "invalid_model" },
    { text: `{"model":"${"m".repeat(10_000)}"}`, code: "invalid_model" },
  ])("refuses $code", ({ text, code }) => {
    expect(readRequest(Buffer.from(text))).toMatchObject({ ok: false, code });
  });

  test.each(["{}", '{"model":null}', '{"model":""}', '{"model":"m","model":null}'])(
    "reports that %s names no model",
    (text) => {
      expect(readRequest(Buffer.from(text))).toMatchObject({ ok: true, model: undefined });
    },
  );

  test("echoes nothing of the body", () => {
    const read = readRequest(Buffer.from('{"secret": canary'));
    expect(JSON.stringify(read)).not.toContain("canary");
  });
});

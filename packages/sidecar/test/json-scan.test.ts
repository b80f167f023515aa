import { describe, expect, test } from "@jest/globals";
import { readRequestBody, scanJson } from "@umbra/sidecar";
import fc from "fast-check";

const wanted = new Set(["model", "stream"]);
const scan = (text: string) => scanJson(Buffer.from(text), wanted);

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
    { name: "a list", text: '{"model":[]}', want: { kind: "array" } },
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
  ])("refuses %j", (text) => {
    expect(scan(text)).toMatchObject({ ok: false, code: "invalid_json" });
  });

  test.each(["[1]", "null", '"text"', "7"])("refuses %s, which is no object", (text) => {
    expect(scan(text)).toMatchObject({ ok: false, code: "invalid_json_type" });
  });

  test("refuses 129 levels, and stands 128", () => {
    const nested = (levels: number) => `{"a":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`;
    expect(scan(nested(128)).ok).toBe(true);
    expect(scan(nested(129))).toMatchObject({ ok: false, code: "json_too_deep" });
  });

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

  test("refuses what JSON.parse refuses, but for escapes and control characters in strings", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'{}[]:,"a1-.e tnu'), maxLength: 12 }),
        (text) => {
          let isJson = true;
          try {
            JSON.parse(text);
          } catch {
            isJson = false;
          }
          const found = scan(text);
          expect(found.ok || found.code === "invalid_json_type").toBe(isJson);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe("readRequestBody", () => {
  test("reads model and stream", () => {
    expect(readRequestBody(Buffer.from('{"model":"m","stream":true}'))).toMatchObject({
      ok: true,
      model: "m",
      isStream: true,
    });
  });

  test.each([
    { text: '{"model":""}', code: "missing_model" },
    { text: '{"model":null}', code: "missing_model" },
    { text: '{"model":"a\\u0000"}', code: "invalid_model" },
    { text: `{"model":"${"é".repeat(129)}"}`, code: "invalid_model" },
    { text: `{"model":"${"m".repeat(10_000)}"}`, code: "invalid_model" },
  ])("refuses $code", ({ text, code }) => {
    expect(readRequestBody(Buffer.from(text))).toMatchObject({ ok: false, code });
  });

  test("echoes nothing of the body", () => {
    const read = readRequestBody(Buffer.from('{"secret": canary'));
    expect(JSON.stringify(read)).not.toContain("canary");
  });
});

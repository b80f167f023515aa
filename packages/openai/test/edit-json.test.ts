import { describe, expect, test } from "@jest/globals";
import { editJson, everyElement, jsonKeys, scanJson, setField } from "@umbra/openai/json";
import fc from "fast-check";

test("the types of tools are those that JSON.parse finds", () => {
  const tool = fc.oneof(
    fc.record({ type: fc.jsonValue({ maxDepth: 1 }), more: fc.jsonValue() }, { requiredKeys: [] }),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(fc.array(tool), fc.nat(2), (tools, indent) => {
      const body = Buffer.from(JSON.stringify({ tools }, undefined, indent));
      const scan = scanJson(body, jsonKeys([], ["tools"]));
      const list = scan.ok ? scan.fields.get("tools") : undefined;
      if (list === undefined) throw new Error("the scan has found no tools");
      const seen: unknown[] = [];
      const isAll = everyElement(body, list, jsonKeys(["type"], []), (field) => {
        seen.push(field && JSON.parse(body.toString("utf8", field.start, field.end)));
        return true;
      });
      expect(isAll).toBe(true);
      const parsed = JSON.parse(body.toString()) as { tools: unknown[] };
      expect(seen).toEqual(
        parsed.tools.map((each) => {
          const isObject = typeof each === "object" && each !== null && !Array.isArray(each);
          return isObject ? (each as { type?: unknown }).type : undefined;
        }),
      );
    }),
  );
});

test("the elements of a list that takes too long do not count as good", () => {
  const element = `{${'"a":1,'.repeat(99)}"type":"x"}`;
  const body = Buffer.from(`[${Array(2_000).fill(element).join(",")}]`);
  const list = { start: 0, end: body.length, isRepeated: false };
  expect(everyElement(body, list, jsonKeys(["type"], []), () => true)).toBe(false);
});

test("a long key that is not one of the names stays unchanged", () => {
  const body = Buffer.from(`{"model":"a","model":"b","${"\\/你".repeat(1_000_000)}":1}`);
  const edited = editJson(body, { set: new Map([["model", { json: "c" }]]), remove: new Set() });
  expect(edited?.subarray(0, 25).toString()).toBe('{"model":"c","model":"c",');
});

describe("editing JSON", () => {
  const edit = (text: string, set: Record<string, unknown>, remove: readonly string[] = []) =>
    editJson(Buffer.from(text), {
      set: new Map(Object.entries(set).map(([name, json]) => [name, { json }])),
      remove: new Set(remove),
    })?.toString();

  test.each([
    { text: "{}", set: { a: 1 }, remove: [], want: '{"a":1}' },
    { text: ' { "a" : [1, 2] } ', set: { a: "é" }, remove: [], want: ' { "a" : "é" } ' },
    { text: '{"a":1,"b":2,"a":3}', set: { a: 0 }, remove: [], want: '{"a":0,"b":2,"a":0}' },
    { text: '{"a":1,"b":{"a":2}}', set: {}, remove: ["a"], want: '{"b":{"a":2}}' },
    { text: '{"a":1}', set: {}, remove: ["a"], want: "{}" },
    { text: '{"a":1 , "b":2, "c":3}', set: {}, remove: ["b"], want: '{"a":1, "c":3}' },
    { text: '{ "a":1, "b":2, "c":3 }', set: {}, remove: ["a", "b"], want: '{ "c":3 }' },
    { text: '{"a":1, "b":2\n}', set: {}, remove: ["b"], want: '{"a":1\n}' },
    { text: '{"a":1, "b":2\n}', set: { c: 3 }, remove: ["a", "b"], want: '{"c":3\n}' },
    { text: '{"a":1, "b":2\n}', set: { c: 3 }, remove: ["b"], want: '{"a":1,"c":3\n}' },
    { text: "{\n}", set: { a: 1, b: 2 }, remove: [], want: '{"a":1,"b":2\n}' },
    { text: '{"\\u0061":1,"b":2}', set: {}, remove: ["a"], want: '{"b":2}' },
    {
      text: '{"n":12345678901234567890.5}',
      set: { a: 1 },
      remove: [],
      want: '{"n":12345678901234567890.5,"a":1}',
    },
  ])("$text", ({ text, set, remove, want }) => {
    expect(edit(text, set, remove)).toBe(want);
  });

  test.each([
    {
      what: "changes those bytes alone",
      text: '{ "model" : "a",\n "b":1e2 }',
      want: '{ "model" : "é",\n "b":1e2 }',
    },
    {
      what: "changes each of repeated keys",
      text: '{"model":"a","model":"b"}',
      want: '{"model":"é","model":"é"}',
    },
    { what: "adds what is not there", text: '{"b":1}', want: '{"b":1,"model":"é"}' },
  ])("a field that was found: $what", ({ text, want }) => {
    const scan = scanJson(Buffer.from(text), jsonKeys(["model"], []));
    if (!scan.ok) throw new Error(scan.code);
    const changed = setField(Buffer.from(text), scan.fields, "model", "é") ?? [];
    expect(Buffer.from(changed).toString()).toBe(want);
  });

  test("what is no object is left alone", () => {
    expect(edit("[1]", { a: 1 })).toBeUndefined();
    expect(edit("{", { a: 1 })).toBeUndefined();
  });

  test("gives what JSON.parse and a spread give", () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 6 });
    fc.assert(
      fc.property(object, object, fc.nat(2), fc.nat(7), (from, set, indent, removed) => {
        const remove = Object.keys(from).filter((_, i) => (removed & (1 << i)) !== 0);
        const edited = edit(JSON.stringify(from, undefined, indent), set, remove) ?? "";
        const kept = Object.entries({ ...from, ...set }).filter(([key]) => !remove.includes(key));
        const added = Object.entries(set).filter(([key]) => remove.includes(key));
        const want = Object.fromEntries([...kept, ...added]);
        expect(JSON.parse(edited)).toEqual(JSON.parse(JSON.stringify(want)));
      }),
    );
  });
});

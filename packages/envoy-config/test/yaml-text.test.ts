import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { parse, stringify } from "yaml";
import { propertyRuns } from "../../../testing/property-runs.ts";
import { yamlFormat } from "../src/bootstrap/yaml-format.ts";
import { yamlText } from "../src/bootstrap/yaml-text.ts";

const words = fc.constantFrom(
  ..."true|False|NULL|~|yes|No|on|OFF|y|N|1|0b1|0o7|1:20|1_000|1.5|1e3|0x10|.5|-|- a|a: b|a:b|a #b|#a|*|&a|!a|%a|@type|`a|{|[|''|\"|?|a,b| a|a |:|a:|/a/b|10.0.0.1:80|[::1]:80|0s|a\tb|é|2026-01-01|---|...|<<|=".split(
    "|",
  ),
);
const text = fc.oneof(words, fc.string({ unit: "grapheme", maxLength: 12 }));
const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    text,
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((each) => (each === 0 ? 0 : each)),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(text, tie("value"), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;
const object = fc.dictionary(text, value, { maxKeys: 5, noNullPrototype: true });

test("round-trips any text", () => {
  fc.assert(
    fc.property(object, (given) => {
      expect(parse(yamlText(given as never))).toEqual(given);
    }),
    { numRuns: propertyRuns(75, 500) },
  );
});

test("writes the same text as the library", () => {
  const line = text.filter((each) => !/[\n\r]/.test(each));
  fc.assert(
    fc.property(fc.array(line), fc.dictionary(fc.stringMatching(/^[a-z]+$/), line), (list, map) => {
      const given = { list, map, nested: [[map, list], { map: { map, list } }] };
      expect(yamlText(given)).toBe(stringify(given, yamlFormat));
    }),
    { numRuns: propertyRuns(75, 500) },
  );
});

test.each(["a\nb\n", 'function f()\n  return {[1] = "x"}\nend\n', "# a\n- b: c\n"])(
  "writes the lines %j after a key like the library",
  (script) => {
    const given = { a: { script, b: [{ script, c: 1 }] }, last: script };
    expect(yamlText(given)).toBe(stringify(given, yamlFormat));
  },
);

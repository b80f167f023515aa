import { describe, expect, test } from "@jest/globals";
import { countsOf, findingsIn, problemsOf, shrunk, withoutExceptions } from "../check-terms.mjs";

const terms = [
  { find: "anew", write: "again" },
  { find: "counts? for nothing", write: "is ignored" },
  { find: "stands?(?! for|-)", write: "is" },
];

/** A placeholder of a template in the text under test. */
const hole = (expression) => `${"$"}{${expression}}`;

const places = (path, text) =>
  findingsIn(path, text, terms).map(({ line, column, found }) => `${line}:${column} ${found}`);

describe("the check of terms", () => {
  test.each([
    { name: "a doc comment", text: "/** Reads it anew. */\n", found: "1:14 anew" },
    { name: "a line comment", text: "run(); // anew\n", found: "1:11 anew" },
    {
      name: "a phrase across lines of a doc comment",
      text: "/**\n * It counts\n * for nothing.\n */\n",
      found: "2:7 counts for nothing",
    },
    {
      name: "a phrase across line comments",
      text: "  // It counts\n  // for nothing.\n",
      found: "1:9 counts for nothing",
    },
    { name: "a message", text: 'log("reads it anew");\n', found: "1:15 anew" },
    { name: "a test's name", text: "test('reads it anew', run);\n", found: "1:16 anew" },
    { name: "a template", text: `const a = \`reads ${hole("x")} anew\`;\n`, found: "1:23 anew" },
    {
      name: "a string inside of a template",
      text: `const a = \`b ${hole('c({ d: "reads anew" })')}\`;\n`,
      found: "1:30 anew",
    },
    {
      name: "a comment behind a regular expression with a quote",
      text: "const a = /['\"`]/; // anew\n",
      found: "1:23 anew",
    },
    { name: "capital letters", text: "/** Anew. */\n", found: "1:5 Anew" },
  ])("finds a retired word in $name", ({ text, found }) => {
    expect(places("src/a.ts", text)).toEqual([found]);
  });

  test.each([
    { name: "an identifier", text: "const anew = 1;\n" },
    { name: "a string of one word, which is a key or a value", text: 'set("anew");\n' },
    { name: "inline code of a comment", text: "/** Reads `anew`. */\n" },
    { name: "another word that contains it", text: "// standard, stand-in, stands for\n" },
    { name: "the code of a template", text: `const a = \`reads ${hole("anew")} again\`;\n` },
    { name: "a quotient's operands", text: "const a = b / anew / c;\n" },
  ])("takes $name", ({ text }) => {
    expect(places("src/a.ts", text)).toEqual([]);
  });

  test("reads the text of a Markdown page, and not its code and links", () => {
    const page = "Read it anew.\n\n```sh\nread anew\n```\n\n`anew` [page](anew.md)\n";
    expect(places("docs/index.md", page)).toEqual(["1:9 anew"]);
  });

  test("says where the word is and what to write", () => {
    expect(problemsOf(findingsIn("docs/index.md", "Read it anew.\n", terms), {})).toEqual([
      'docs/index.md:1:9: "anew": write again',
    ]);
  });

  test("takes a word where an exception covers the path", () => {
    const exceptions = [{ find: "anew", paths: ["docs/"], reason: "for the test" }];
    const findings = [
      ...findingsIn("docs/index.md", "anew\n", terms),
      ...findingsIn("README.md", "anew\n", terms),
    ];
    expect(withoutExceptions(findings, exceptions).map(({ path }) => path)).toEqual(["README.md"]);
  });

  describe("with a list of what is not fixed yet", () => {
    const findings = findingsIn("packages/a/src/b.ts", "// anew and anew\n", terms);

    test("counts by folder", () => {
      expect(countsOf(findings)).toEqual({ "packages/a/src": { anew: 2 } });
    });

    test.each([
      { name: "takes the listed count", listed: 2, problems: 0 },
      { name: "takes fewer than listed", listed: 3, problems: 0 },
      { name: "refuses more than listed", listed: 1, problems: 2 },
    ])("$name", ({ listed, problems }) => {
      expect(problemsOf(findings, { "packages/a/src": { anew: listed } })).toHaveLength(problems);
    });

    test("refuses an entry for a word that is not there", () => {
      expect(problemsOf([], { docs: { anew: 1 } })).toEqual([
        'docs: remove "anew" from "unfixed" in scripts/terms.json (--shrink)',
      ]);
    });

    test("shrinks: counts fall, empty entries go, nothing is added", () => {
      const unfixed = { "packages/a/src": { anew: 5 }, docs: { anew: 1 } };
      expect(shrunk(findings, unfixed)).toEqual({ "packages/a/src": { anew: 2 } });
      expect(shrunk(findings, {})).toEqual({});
    });
  });
});

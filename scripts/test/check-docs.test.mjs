import { describe, expect, test } from "@jest/globals";
import { linkFaults, namedPageFaults, snippetFaults, titleFaults } from "../check-docs.mjs";
import { anchorsOf, snippetsOf } from "../docs/markdown.mjs";
import { oneSentenceEach, sentenceFaults } from "../docs/sentences.mjs";

describe("one sentence a line", () => {
  test.each([
    ["One. Two.", "One.\nTwo."],
    ["One\nsentence.", "One sentence."],
    ["- One. Two.\n- Three", "- One.\n  Two.\n- Three"],
    ["1. One. Two\n   lines.", "1. One.\n   Two lines."],
    ["Ask `umbra check`. `-f` names a file.", "Ask `umbra check`.\n`-f` names a file."],
    ["See [it](a.md). Then continue.", "See [it](a.md).\nThen continue."],
    ["(One.) Two.", "(One.)\nTwo."],
  ])("%j is split", (wrapped, split) => {
    expect(sentenceFaults(wrapped)).not.toEqual([]);
    expect(oneSentenceEach(wrapped)).toBe(split);
    expect(sentenceFaults(split)).toEqual([]);
  });

  test.each([
    "Envoy 1.40 is used, e.g. here.",
    "**Words.** A lead belongs to its sentence.",
    "Ends with a colon:\n\n- one\n- two",
    "| a. B. | table |",
    "```\nOne. Two.\n```",
    "`a. B` is code.",
    "<!-- generated: x -->\nOne. Two.\n<!-- end of generated -->",
  ])("%j stays", (page) => {
    expect(sentenceFaults(page)).toEqual([]);
    expect(oneSentenceEach(page)).toBe(page);
  });
});

test("a page begins with its title", () => {
  expect(titleFaults("docs/page.md", "# A page\n")).toEqual([]);
  expect(titleFaults("docs/page.md", "")).toHaveLength(1);
});

describe("links", () => {
  test("to files and headings that are there pass", () => {
    const page = "# A page\n[a](../README.md) [b](#a-page) [c](https://example.com) `[d](x.md)`";
    expect(linkFaults("docs/page.md", page)).toEqual([]);
  });

  test("to others are named with their line", () => {
    const page = "\n[a](nowhere.md)\n[b](#nothing) [c](../README.md#nothing)";
    expect(linkFaults("docs/page.md", page)).toEqual([
      "2 nowhere.md: there is no such file",
      "3 #nothing: there is no such heading",
      "3 ../README.md#nothing: there is no such heading",
    ]);
  });

  test("headings have GitHub's anchors", () => {
    const page = '# `a` and B, C!\n## x\n## x\n<a id="own"></a>\n## [Link](x.md) of_it';
    expect([...anchorsOf(page)]).toEqual(["a-and-b-c", "x", "x-1", "own", "link-of_it"]);
  });

  test("pages that code names must be there", () => {
    expect(namedPageFaults("x.ts", "see docs/errors.md\nsee docs/nowhere.md")).toEqual([
      "x.ts:2 docs/nowhere.md: there is no such file",
    ]);
  });
});

describe("code", () => {
  const page = "<!-- from examples/a.ts -->\n```ts\nconst a = 1;\n```\n";

  test("that is its file's passes", () => {
    expect(snippetFaults(page, () => "const a = 1;\n")).toEqual([]);
  });

  test("that differs from its file, or that nothing checks, is named", () => {
    expect(snippetFaults(page, () => "const a = 2;\n")).toEqual([
      "2 differs from examples/a.ts: copy the file here",
    ]);
    expect(snippetFaults("```ts\nconst a = 1;\n```\n")).toHaveLength(1);
  });

  test("inside a list loses its indent", () => {
    expect(snippetsOf("- x\n  ```sh\n  a\n    b\n  ```\n")).toEqual([
      { line: 2, language: "sh", source: undefined, text: "a\n  b" },
    ]);
  });
});

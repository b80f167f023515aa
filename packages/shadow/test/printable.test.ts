import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import {
  printable,
  printableColumns,
  printableJson,
  printableLines,
  unprintableIn,
} from "@umbra/shadow/printable";

const cases = [
  { name: "plain text", text: "llama-3 8b", want: "llama-3 8b" },
  { name: "other scripts and signs", text: "模型 عربى ñ 🦙 👩‍💻", want: "模型 عربى ñ 🦙 👩‍💻" },
  { name: "colours", text: "\x1b[31mred", want: "\\u001b[31mred" },
  { name: "the one-byte CSI", text: "\x9b2J", want: "\\u009b2J" },
  { name: "a window title", text: "\x1b]0;x\x07", want: "\\u001b]0;x\\u0007" },
  { name: "a line feed", text: "a\nb", want: "a\\u000ab" },
  { name: "a carriage return", text: "a\rb", want: "a\\u000db" },
  { name: "a tab", text: "a\tb", want: "a\\u0009b" },
  { name: "NUL and DEL", text: "\0\x7f", want: "\\u0000\\u007f" },
  { name: "NEL", text: "a\x85b", want: "a\\u0085b" },
  { name: "Unicode's own line ends", text: "a\u2028b\u2029c", want: "a\\u2028b\\u2029c" },
  { name: "text turned around", text: "a\u202eb\u2066c", want: "a\\u202eb\\u2066c" },
  { name: "the Arabic letter mark", text: "a\u061cb", want: "a\\u061cb" },
  { name: "zero width", text: "a\u200bb\u2060c\ufeff", want: "a\\u200bb\\u2060c\\ufeff" },
  { name: "invisible tags", text: "a\u{e0041}b", want: "a\\udb40\\udc41b" },
  { name: "a lone surrogate", text: "a\ud800b", want: "a\\ud800b" },
] as const;

describe("text from outside", () => {
  test.each(cases)("$name", ({ text, want }) => {
    expect(printable(text)).toBe(want);
    expect(JSON.parse(printableJson({ text }))).toEqual({ text });
    expect(unprintableIn(printable(text))).toBeUndefined();
    expect(unprintableIn(printableColumns(text))).toBeUndefined();
    expect(unprintableIn(printableLines(text).replaceAll("\n", ""))).toBeUndefined();
  });

  test("line feeds stay in text of several lines", () => {
    expect(printableLines("a\nb\x1b")).toBe("a\nb\\u001b");
  });

  test("columns stay where they are", () => {
    expect(printableColumns("a\tb\x1bc")).toBe("a b\ufffdc");
  });

  test("names the first character at fault", () => {
    expect(unprintableIn("ab\u202e")).toBe("the character U+202E at position 3");
    expect(unprintableIn("\u{e0041}")).toBe("the character U+E0041 at position 1");
  });

  test("no other file of the packages has a list of such characters", () => {
    const packages = fileURLToPath(new URL("../../", import.meta.url));
    const lists = readdirSync(packages, { recursive: true, encoding: "utf8" })
      .filter((file) => /^[^/]+\/src\/.*\.ts$/.test(file) && !file.includes("/gen/"))
      .filter((file) =>
        /\\p\{C[cs]\}|Bidi_Control|\\u202[a-e]/.test(readFileSync(packages + file, "utf8")),
      );
    expect(lists).toEqual(["shadow/src/printable.ts"]);
  });
});

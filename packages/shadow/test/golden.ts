import { readFileSync, writeFileSync } from "node:fs";

/**
 * Compares a text with a committed file: undefined where they are equal, else the first line that differs, cut to a length that
 * can be read. `UPDATE_GOLDEN=1` rewrites the file.
 */
export function differenceFromGolden(actual: string, file: string): string | undefined {
  if (process.env.UPDATE_GOLDEN === "1") writeFileSync(file, actual);
  return firstDifference(actual, readFileSync(file, "utf8"));
}

const shown = 160;

export function firstDifference(actual: string, expected: string): string | undefined {
  if (actual === expected) return undefined;
  const [is, should] = [actual.split("\n"), expected.split("\n")];
  const line = should.findIndex((each, i) => each !== is[i]);
  const at = line < 0 ? should.length : line;
  const [found = "(end)", wanted = "(end)"] = [is[at], should[at]];
  // Long lines of markup differ somewhere in their middle.
  let column = 0;
  while (column < found.length && found[column] === wanted[column]) column++;
  const from = Math.max(0, column - 40);
  const part = (text: string) => JSON.stringify(text.slice(from, from + shown));
  return `line ${at + 1}, column ${column + 1}: is ${part(found)}, should be ${part(wanted)}`;
}

import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Of a line. */
const shown = 160;

/**
 * Holds a text to a committed file; undefined where there must be no file. `UPDATE_GOLDEN=1` rewrites the file, to be
 * reviewed as a diff.
 *
 * @throws with the file, the first line that differs, both its forms, and how to rewrite the file
 */
export function expectGolden(actual: string | undefined, file: string | URL): void {
  const path = file instanceof URL ? fileURLToPath(file) : file;
  if (process.env.UPDATE_GOLDEN === "1") {
    if (actual === undefined) rmSync(path, { force: true });
    else writeFileSync(path, actual);
  }
  const kept = existsSync(path) ? readFileSync(path, "utf8") : undefined;
  if (actual === kept) return;
  if (actual === undefined || kept === undefined) {
    const words = kept === undefined ? "there is no such file" : "the file should not be there";
    throw mismatch(`${relative(root, path)}: ${words}`);
  }
  expectSameText(actual, kept, relative(root, path));
}

/** Holds a text to what `name` has: a file, or a part of one. */
export function expectSameText(actual: string, kept: string, name: string): void {
  const different = firstDifference(actual, kept);
  if (different === undefined) return;
  const { line, column, is, should } = different;
  throw mismatch(
    `${name}:${line}:${column} is not what was made\n  expected: ${should}\n  made:     ${is}`,
  );
}

function mismatch(words: string): Error {
  const error = new Error(
    `${words}\nIf the change is wanted, run the test again with UPDATE_GOLDEN=1 and read the diff.`,
  );
  // The frame that Jest shows is the test's.
  if (error.stack !== undefined) {
    error.stack = error.stack.replace(/^ +at .*\/testing\/golden\.ts:.*\n/gm, "");
  }
  return error;
}

/** Where two texts differ first, and how their lines read there. */
export interface Difference {
  readonly line: number;
  readonly column: number;
  /** Around the column, as JSON; `(end)` after the last line. */
  readonly is: string;
  readonly should: string;
}

export function firstDifference(actual: string, expected: string): Difference | undefined {
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
  return { line: at + 1, column: column + 1, is: part(found), should: part(wanted) };
}

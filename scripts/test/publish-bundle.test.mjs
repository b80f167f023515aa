import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { publishBundle } from "../publish-bundle.mjs";

const hour = 3_600_000;
let root;
let outdir;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "umbra-publish-"));
  outdir = join(root, "bundle");
});
afterEach(() => rmSync(root, { recursive: true }));

function publish(files, now) {
  const draft = join(root, "draft");
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(draft, name)), { recursive: true });
    writeFileSync(join(draft, name), text);
  }
  publishBundle(draft, outdir, now);
}

const first = { "cli/main.js": "first", "chunk-A.js": "a", "chunk-B.js": "b" };
const second = { "cli/main.js": "second", "chunk-B.js": "b", "chunk-C.js": "c" };

test("the bundle takes the place of the earlier one, and the draft is gone", () => {
  publish(first, 0);
  publish(second, 1);
  expect(readFileSync(join(outdir, "cli/main.js"), "utf8")).toBe("second");
  expect(readFileSync(join(outdir, "chunk-C.js"), "utf8")).toBe("c");
  expect(readdirSync(root)).toEqual(["bundle"]);
});

test("a command that runs finds the parts of its bundle for an hour after it was replaced", () => {
  publish(first, 0);
  publish(second, 5 * hour);
  publish(second, 6 * hour);
  expect(readFileSync(join(outdir, "chunk-A.js"), "utf8")).toBe("a");
  publish(second, 6 * hour + 1);
  expect(readdirSync(outdir)).not.toContain("chunk-A.js");
  expect(readdirSync(outdir)).toEqual(expect.arrayContaining(["chunk-B.js", "chunk-C.js"]));
});

test("a part that comes back is kept as any other", () => {
  publish(first, 0);
  publish(second, 1);
  publish(first, 2);
  publish(first, 2 * hour);
  expect(readdirSync(outdir)).toEqual(expect.arrayContaining(["chunk-A.js", "chunk-B.js"]));
});

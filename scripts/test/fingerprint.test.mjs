import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { buildRecordsOf, fingerprintOf, isStamped, writeStamp } from "../fingerprint.mjs";

const root = mkdtempSync(join(tmpdir(), "umbra-fingerprint-"));
const at = (name) => join(root, name);
const inputs = [at("src"), at("tsconfig.json")];

beforeAll(() => {
  mkdirSync(at("src/inner"), { recursive: true });
  mkdirSync(at("src/dist"));
  writeFileSync(at("src/inner/a.ts"), "1");
});
afterAll(() => rmSync(root, { recursive: true }));

test.each([
  { what: "a changed file", change: () => writeFileSync(at("src/inner/a.ts"), "12") },
  { what: "a touched file", change: () => utimesSync(at("src/inner/a.ts"), 1, 1) },
  { what: "a new file", change: () => writeFileSync(at("src/b.ts"), "") },
  { what: "a file that was missing", change: () => writeFileSync(at("tsconfig.json"), "") },
  { what: "a removed file", change: () => rmSync(at("src/b.ts")) },
])("$what changes the fingerprint", ({ change }) => {
  const before = fingerprintOf(inputs);
  expect(fingerprintOf(inputs)).toBe(before);
  change();
  expect(fingerprintOf(inputs)).not.toBe(before);
});

test("outputs are no part of it", () => {
  const before = fingerprintOf(inputs);
  writeFileSync(at("src/dist/a.js"), "1");
  expect(fingerprintOf(inputs)).toBe(before);
});

test.each(["dist", "cjs"])(
  "the removal of a built %s changes the fingerprint of the records",
  (name) => {
    for (const each of ["dist", "cjs"]) {
      mkdirSync(at(`built/${each}`), { recursive: true });
      writeFileSync(at(`built/${each}/tsconfig.tsbuildinfo`), "");
    }
    const before = fingerprintOf(buildRecordsOf(at("built")));
    expect(fingerprintOf(buildRecordsOf(at("built")))).toBe(before);
    rmSync(at(`built/${name}`), { recursive: true });
    expect(fingerprintOf(buildRecordsOf(at("built")))).not.toBe(before);
  },
);

test("a stamp holds for one fingerprint", () => {
  const stamp = at("cache/stamp");
  expect(isStamped(stamp, "a")).toBe(false);
  writeStamp(stamp, "a");
  expect(isStamped(stamp, "a")).toBe(true);
  expect(isStamped(stamp, "b")).toBe(false);
});

test("a copy of the checkout that shares the stamp by a hard link keeps its own", () => {
  const [stamp, copy] = [at("shared/stamp"), at("shared/copy")];
  writeStamp(stamp, "a");
  linkSync(stamp, copy);
  writeStamp(stamp, "b");
  expect([isStamped(stamp, "b"), isStamped(copy, "a")]).toEqual([true, true]);
  expect(readdirSync(at("shared"))).toEqual(["copy", "stamp"]);
});

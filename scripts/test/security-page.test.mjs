import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";

const page = readFileSync(new URL("../../SECURITY.md", import.meta.url), "utf8");
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| ") && !/^\| (?:who \||---)/.test(line));

test.each(rows)("a row of SECURITY.md names tests that are there: %s", (row) => {
  const [, who, , , , tests = ""] = row.split("|");
  const files = [...tests.matchAll(/`([^`]+)`/g)].map(([, file]) => file);
  expect([who?.trim(), files.length > 0]).toEqual([who?.trim(), true]);
  for (const file of files)
    expect([file, existsSync(new URL(`../../${file}`, import.meta.url))]).toEqual([file, true]);
});

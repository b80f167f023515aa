import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { longestTests } from "../longest-tests.mjs";

test("every file that is to start early exists, and is named once", () => {
  const at = (file) => fileURLToPath(new URL(`../../${file}`, import.meta.url));
  expect(longestTests.filter((file) => !existsSync(at(file)))).toEqual([]);
  expect(new Set(longestTests).size).toBe(longestTests.length);
});

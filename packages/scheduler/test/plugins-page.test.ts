import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { pluginTypes } from "../src/config/plugin-types.ts";
import { pluginMeanings, pluginsPage } from "./plugins-page.ts";

const path = new URL("../../../docs/reference/plugins.md", import.meta.url);

test("docs/reference/plugins.md has every plugin type with its parameters", () => {
  const want = pluginsPage();
  if (process.env.UPDATE_GOLDEN === "1") writeFileSync(path, want);
  expect(readFileSync(path, "utf8")).toBe(want);
});

test("every plugin type that has an effect has a meaning, and nothing else has one", () => {
  const types = [...pluginTypes.keys()].filter((type) => Object.hasOwn(pluginMeanings, type));
  expect(types.toSorted()).toEqual(Object.keys(pluginMeanings).toSorted());
  expect(readFileSync(path, "utf8")).not.toMatch(/^\| `[^`]+` \| {2}\|/m);
});

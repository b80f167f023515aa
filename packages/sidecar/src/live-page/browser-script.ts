import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";

/** The program of the live page, as the browser runs it. Reads it from beside this file: to be called once, at the start. */
export function browserScript(): string {
  const isSource = import.meta.url.endsWith(".ts");
  const file = new URL(isSource ? "./browser/live.ts" : "./browser/live.js", import.meta.url);
  const text = readFileSync(file, "utf8");
  return isSource ? stripTypeScriptTypes(text) : text;
}

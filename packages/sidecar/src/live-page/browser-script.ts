import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";

/** Reads the live page's script for the browser from the folder of this file. Call it once, at start. */
export function browserScript(): string {
  const isSource = import.meta.url.endsWith(".ts");
  const file = new URL(isSource ? "./browser/live.ts" : "./browser/live.js", import.meta.url);
  const text = readFileSync(file, "utf8");
  return isSource ? stripTypeScriptTypes(text) : text;
}

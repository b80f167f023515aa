import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";

/** All code that a simulated run depends on. Tables are made from runs, and reports are only rendered from them. */
const folders = ["../../packages/shadow/src/", "./"];
const leftOut = /^(?:render|tables)[/\\]|^bars\.ts$/;

/** Hash of the code that makes a run: runs of other code are other runs. */
export function codeHash(): string {
  const hash = createHash("sha256");
  for (const folder of folders) {
    const base = new URL(folder, import.meta.url);
    const names = readdirSync(base, { recursive: true, encoding: "utf8" });
    for (const name of names.filter((each) => each.endsWith(".ts") && !leftOut.test(each)).sort()) {
      hash.update(`${folder}${name}\n`).update(readFileSync(new URL(name, base)));
    }
  }
  return hash.digest("hex").slice(0, 16);
}

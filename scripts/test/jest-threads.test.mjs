import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { afterAll, expect, test } from "@jest/globals";

const cache = fileURLToPath(new URL("../../.cache", import.meta.url));
mkdirSync(cache, { recursive: true });
const folder = mkdtempSync(join(cache, "thread-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("a thread runs one file with all of its sources, and knows the address of its own", async () => {
  const source = join(folder, "thread.ts");
  writeFileSync(join(folder, "other.ts"), 'export const text: string = "imported";\n');
  writeFileSync(
    source,
    `import { parentPort } from "node:worker_threads";
import { text } from "./other.ts";
parentPort?.postMessage({ text, address: import.meta.url, stack: new Error().stack });
`,
  );
  const worker = new Worker(pathToFileURL(source));
  const [{ text, address, stack }] = await once(worker, "message");
  expect({ text, address }).toEqual({ text: "imported", address: pathToFileURL(source).href });
  expect(stack).toMatch(/\.cache\/threads\/\w+\/\w+\.mjs/);
});

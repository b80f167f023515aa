import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The commands of the first shell block under a heading of a page in `docs/`, in their order; each on one line. */
export function commandsOf(page: string, heading: string): readonly string[] {
  const text = readFileSync(
    fileURLToPath(new URL(`../../../docs/${page}`, import.meta.url)),
    "utf8",
  );
  const [, section] = text.split(`\n## ${heading}\n`);
  const [, block] = /```sh\n(.*?)```/s.exec(section ?? "") ?? [];
  if (block === undefined) throw new Error(`${page} has no shell block under "${heading}"`);
  return block
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line !== "");
}

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CommandError } from "../errors.ts";
import type { StarterFile } from "./starter-files.ts";

/** Writes the files, all or none where one is there already. Returns their paths. */
export function writeFiles(
  folder: string,
  files: readonly StarterFile[],
  { isForced }: { readonly isForced: boolean },
): readonly string[] {
  const paths = files.map(({ name }) => join(folder, name));
  const there = isForced ? [] : paths.filter((path) => existsSync(path));
  if (there.length > 0) {
    throw new CommandError(
      `nothing is written, because ${there.join(", ")} ${there.length === 1 ? "is" : "are"} there already: name another folder with --dir, or overwrite with --force`,
    );
  }
  try {
    mkdirSync(folder, { recursive: true });
    for (const [index, { text }] of files.entries()) {
      writeFileSync(paths[index] as string, text, { flag: isForced ? "w" : "wx" });
    }
  } catch (cause) {
    throw new CommandError(`can't write to "${folder}": ${(cause as Error).message}`);
  }
  return paths;
}

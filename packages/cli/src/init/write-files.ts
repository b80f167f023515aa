import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CommandError } from "../errors.ts";
import type { StarterFile } from "./starter-files.ts";

/** Writes all files, or none if one already exists. Returns their paths. */
export function writeFiles(
  folder: string,
  files: readonly StarterFile[],
  { isForced }: { readonly isForced: boolean },
): readonly string[] {
  const paths = files.map(({ name }) => join(folder, name));
  const there = isForced ? [] : paths.filter((path) => existsSync(path));
  if (there.length > 0) {
    throw new CommandError(
      `nothing was written because ${there.join(", ")} already ${there.length === 1 ? "exists" : "exist"}: choose another folder with --dir, or overwrite with --force`,
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

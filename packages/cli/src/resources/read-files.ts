import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { SourceFile } from "@umbra/envoy-config";
import { CommandError } from "../errors.ts";
import type { Io } from "../io.ts";

const maxFileBytes = 16 * 1024 * 1024;

/** Reads the files given with `-f`: files, the `.yaml`, `.yml` and `.json` files in folders, or standard input for `-`. */
export function readSourceFiles(paths: readonly string[], io: Io): readonly SourceFile[] {
  return paths.flatMap((path) => {
    if (path === "-") return [{ name: "-", text: io.readStdin() }];
    return filesOf(path).map((name) => ({ name, text: readFileSync(name) }));
  });
}

/** False for standard input and pipes, whose content can be read once and does not change. */
export function canChange(path: string): boolean {
  if (path === "-") return false;
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined || stats.isFile() || stats.isDirectory();
}

function filesOf(path: string): readonly string[] {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) {
    throw new CommandError(`there is no file or folder "${path}": check the path given with -f`);
  }
  if (!stats.isDirectory()) {
    if (stats.size > maxFileBytes) throw new CommandError(`"${path}" is larger than 16 MiB`);
    return [path];
  }
  const names = readdirSync(path).filter((name) => /\.(?:ya?ml|json)$/.test(name));
  if (names.length === 0) {
    throw new CommandError(`the folder "${path}" contains no .yaml, .yml or .json file`);
  }
  return names.sort().flatMap((name) => filesOf(join(path, name)));
}

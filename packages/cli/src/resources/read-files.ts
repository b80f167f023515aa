import { type BigIntStats, closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { findFiles, maxFileBytes } from "@umbra/control";
import type { SourceFile } from "@umbra/envoy-config";
import { CommandError } from "../errors.ts";
import type { Io } from "../io.ts";

/** Reads the files given with `-f`: files, the `.yaml`, `.yml` and `.json` files in folders, or standard input for `-`. */
export function readSourceFiles(paths: readonly string[], io: Io): readonly SourceFile[] {
  return paths.flatMap((path) => {
    if (path === "-") return [{ name: "-", text: io.readStdin() }];
    return filesOf(path).map((name) => ({ name, text: contentOf(name) }));
  });
}

/** False for standard input and pipes, whose content can be read once and does not change. */
export function canChange(path: string): boolean {
  if (path === "-") return false;
  const stats = statsOf(path);
  return stats === undefined || stats.isFile() || stats.isDirectory();
}

/**
 * With big integers: Node keeps the other numbers in one place for all, and takes modules that are imported after those
 * of a pipe for empty ones (20.20 and 22.23; CommonJS).
 */
function statsOf(path: string): BigIntStats | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false });
}

function contentOf(path: string): Uint8Array {
  return canChange(path) ? readFileSync(path) : readPipe(path);
}

/** Reads a pipe in pieces, as `readFileSync` asks for the pipe's numbers: see `statsOf`. */
function readPipe(path: string): Uint8Array {
  const pipe = openSync(path, "r");
  const pieces: Uint8Array[] = [];
  const piece = new Uint8Array(64 * 1024);
  try {
    for (let total = 0; ; ) {
      const bytes = readSync(pipe, piece);
      if (bytes === 0) return Buffer.concat(pieces);
      total += bytes;
      if (total > maxFileBytes) throw tooLarge(path);
      pieces.push(piece.slice(0, bytes));
    }
  } finally {
    closeSync(pipe);
  }
}

function tooLarge(path: string): CommandError {
  return new CommandError(`"${path}" is larger than 16 MiB`);
}

/** The same files, within the same limits, as `umbra serve` follows. */
function filesOf(path: string): readonly string[] {
  const { files, problems } = findFiles([path]);
  for (const { message } of problems.values()) throw new CommandError(message);
  return [...files].map(([name, { bytes }]) => {
    if (bytes > maxFileBytes) throw tooLarge(name);
    return name;
  });
}

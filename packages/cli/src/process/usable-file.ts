import { accessSync, constants, statSync } from "node:fs";
import { dirname } from "node:path";
import { UsageError } from "../errors.ts";

/** Throws UsageError if the flag's file can't be read, before anything starts. */
export function checkReadable(path: string, flag: string): void {
  const problem = isFolder(path) ? "it is a folder" : accessProblem(path, constants.R_OK);
  if (problem !== undefined) throw new UsageError(`${flag}: ${path} can't be read: ${problem}`);
}

/** Throws UsageError if the flag's file can't be written, before anything starts. Accepts `-`. */
export function checkWritable(path: string, flag: string): void {
  if (path === "-") return;
  const isThere = statSync(path, { throwIfNoEntry: false }) !== undefined;
  const problem = isFolder(path)
    ? "it is a folder"
    : accessProblem(isThere ? path : dirname(path), constants.W_OK);
  if (problem !== undefined) throw new UsageError(`${flag}: ${path} can't be written: ${problem}`);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function accessProblem(path: string, mode: number): string | undefined {
  try {
    accessSync(path, mode);
    return undefined;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    return code === "ENOENT" ? `there is no "${path}"` : (cause as Error).message;
  }
}

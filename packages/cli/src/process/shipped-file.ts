import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CommandError } from "../errors.ts";

/** The package's folder when installed, and the repository's in a checkout. */
const roots = ["../../", "../../../../"].map((path) => new URL(path, import.meta.url));

/** Returns the path of a file or folder that `scripts/pack-files.mjs` packs, e.g. `docs/errors.md`. */
export function shippedFile(path: string): string {
  const found = shippedPath(path);
  if (found === undefined)
    throw new CommandError(`${path} is missing from this installation of Umbra: reinstall it`);
  return found;
}

/** As `shippedFile`; undefined where this installation does not have it. */
export function shippedPath(path: string): string | undefined {
  return roots.map((root) => fileURLToPath(new URL(path, root))).find(existsSync);
}

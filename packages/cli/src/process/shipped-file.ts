import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CommandError } from "../errors.ts";

/** The package's own folder once it is packed, and the repository's in a checkout. */
const roots = ["../../", "../../../../"].map((path) => new URL(path, import.meta.url));

/** Path of a file or folder that the repository has and `scripts/pack-files.mjs` packs, e.g. `docs/errors.md`. */
export function shippedFile(path: string): string {
  const found = shippedPath(path);
  if (found === undefined)
    throw new CommandError(`${path} is missing in this installation of Umbra`);
  return found;
}

/** As `shippedFile`; undefined where this installation does not have it. */
export function shippedPath(path: string): string | undefined {
  return roots.map((root) => fileURLToPath(new URL(path, root))).find(existsSync);
}

import { lstatSync, readlinkSync } from "node:fs";
import { dirname, isAbsolute, join, parse, resolve, sep } from "node:path";

/** As many links as Linux follows. */
const maxLinks = 40;

/**
 * The folders that have to be watched to learn that `path` means something else: the one that holds it, and the one of
 * every symbolic link on the way, such as a ConfigMap's `..data`. If a part of the path is missing, the folder where it
 * would appear is the last.
 */
export function foldersOnTheWay(path: string): readonly string[] {
  const folders = new Set<string>();
  let { root: at, parts } = partsOf(resolve(path));
  let links = 0;
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
    const next = join(at, part);
    const stats = lstatSync(next, { throwIfNoEntry: false });
    if (stats === undefined) {
      folders.add(at);
      return [...folders];
    }
    if (!stats.isSymbolicLink()) {
      at = next;
      continue;
    }
    folders.add(at);
    if (++links > maxLinks) return [...folders];
    const target = readlinkSync(next);
    const from = partsOf(isAbsolute(target) ? target : join(at, target));
    at = from.root;
    parts = [...from.parts, ...parts];
  }
  folders.add(dirname(at));
  return [...folders];
}

function partsOf(path: string): { root: string; parts: string[] } {
  const { root } = parse(path);
  return { root, parts: path.slice(root.length).split(sep).filter(Boolean) };
}

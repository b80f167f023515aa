import { type BigIntStats, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** How files are found and read; tests give another one. */
export interface FileSystem {
  /** Follows links. Undefined if there is nothing. */
  readonly stat: (path: string) => FileFacts | undefined;
  readonly list: (path: string) => readonly FolderEntry[];
  readonly read: (path: string) => Uint8Array;
}

export interface FolderEntry {
  readonly name: string;
  readonly isLink: boolean;
}

export interface FileFacts {
  readonly kind: "file" | "folder" | "other";
  readonly bytes: number;
  /** Differs if the content may differ. */
  readonly signature: string;
  /** Milliseconds since the epoch. */
  readonly changedAtMs: number;
}

export const nodeFileSystem: FileSystem = {
  stat(path) {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stats === undefined ? undefined : factsOf(stats);
  },
  list: (path) =>
    readdirSync(path, { withFileTypes: true }).map((entry) => ({
      name: entry.name,
      isLink: entry.isSymbolicLink(),
    })),
  read: (path) => readFileSync(path),
};

/** What the paths given with `-f` mean at this moment. */
export interface FoundFiles {
  /** By path, in the order in which they are read. */
  readonly files: ReadonlyMap<string, FileFacts>;
  readonly folders: readonly string[];
  /** Those of the files in folders that are links. */
  readonly links: ReadonlySet<string>;
  /** Paths and parts of them that can't be read, with why. */
  readonly problems: ReadonlyMap<string, FileProblem>;
}

export interface FileProblem {
  /** `missing`: there is nothing. `empty`: a folder without resources. `unreadable`: the system says no. */
  readonly kind: "missing" | "empty" | "unreadable";
  readonly message: string;
}

/** Largest file that is read. */
export const maxFileBytes: number = 16 * 1024 * 1024;
/** Most files that are read; folders with more are refused. */
const maxFiles = 20_000;
/** Links to folders can make many paths of few folders. */
const maxFolders = 20_000;
const maxDepth = 20;

/** Finds the files of the paths: files, and the `.yaml`, `.yml` and `.json` files in folders. Never throws. */
export function findFiles(
  paths: readonly string[],
  system: FileSystem = nodeFileSystem,
): FoundFiles {
  const search = new Search(system);
  for (const path of paths) search.path(path, 0);
  return search;
}

class Search implements FoundFiles {
  readonly files = new Map<string, FileFacts>();
  readonly folders: string[] = [];
  readonly links = new Set<string>();
  readonly problems = new Map<string, FileProblem>();
  readonly #system: FileSystem;

  constructor(system: FileSystem) {
    this.#system = system;
  }

  path(path: string, depth: number): void {
    try {
      const facts = this.#system.stat(path);
      if (facts === undefined) this.#missing(path, depth);
      else if (facts.kind === "folder") this.#folder(path, depth);
      // To read a pipe may take for ever. One that is given with `-f` is meant to be read.
      else if (facts.kind === "other" && depth > 0)
        this.#unreadable(path, "it is not a file or folder");
      else if (this.files.size < maxFiles) this.files.set(path, facts);
      else this.#unreadable(path, `there are more than ${maxFiles} files`);
    } catch (cause) {
      this.#unreadable(path, reasonOf(cause));
    }
  }

  #folder(path: string, depth: number): void {
    if (depth > maxDepth) {
      this.#unreadable(path, `there are more than ${maxDepth} folders inside each other`);
      return;
    }
    if (this.folders.length >= maxFolders) {
      this.#unreadable(path, `there are more than ${maxFolders} folders`);
      return;
    }
    this.folders.push(path);
    const entries = this.#system
      .list(path)
      .filter(({ name }) => /\.(?:ya?ml|json)$/.test(name))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    if (entries.length === 0 && depth === 0) {
      const message = `the folder "${path}" contains no .yaml, .yml or .json file`;
      this.problems.set(path, { kind: "empty", message });
    }
    for (const { name, isLink } of entries) {
      const found = join(path, name);
      this.path(found, depth + 1);
      if (isLink && this.files.has(found)) this.links.add(found);
    }
  }

  /** A name in a folder that leads nowhere was deleted meanwhile, or is a link without a target. */
  #missing(path: string, depth: number): void {
    if (depth > 0) return;
    const message = `there is no file or folder "${path}": check the path given with -f`;
    this.problems.set(path, { kind: "missing", message });
  }

  #unreadable(path: string, why: string): void {
    const message = `"${path}" can't be read: ${why}`;
    this.problems.set(path, { kind: "unreadable", message });
  }
}

/** Such as `EACCES: permission denied`, without the call and the path. */
export function reasonOf(cause: unknown): string {
  const { message } = cause as Error;
  return message.replace(/, \w+ '.*'$|, \w+$/s, "");
}

function factsOf(stats: BigIntStats): FileFacts {
  const { dev, ino, size, mtimeNs, ctimeNs } = stats;
  return {
    kind: stats.isDirectory() ? "folder" : stats.isFile() ? "file" : "other",
    bytes: Number(size),
    signature: JSON.stringify([dev, ino, size, mtimeNs, ctimeNs].map(String)),
    // The time of the content may be anything, such as a time in the future.
    changedAtMs: Number(ctimeNs) / 1e6,
  };
}

import { type FSWatcher, statSync, watch } from "node:fs";
import { basename } from "node:path";
import { reasonOf } from "./find-files.ts";

/** Wakes up when something changes in a folder. It does not know what has: scan the files for that. */
export interface FolderWatch {
  /** Watches these folders and no others. Returns true if one is watched that was not before: scan again. */
  follow(folders: ReadonlySet<string>): boolean;
  /** False if the system has no more watches, or a folder can't be watched. */
  readonly isComplete: boolean;
  close(): void;
}

export interface FolderWatchOptions {
  readonly onHint: () => void;
  /** The system refuses to watch; called once. */
  readonly onRefused: (why: string) => void;
  /** `watch` of node:fs when absent. */
  readonly watchFolder?: WatchFolder;
}

export type WatchFolder = (
  folder: string,
  onEvent: (name: string | null) => void,
  onError: (cause: unknown) => void,
) => Pick<FSWatcher, "close">;

/** More are left to the regular scan. */
const maxFolders = 5_000;

export function createFolderWatch(options: FolderWatchOptions): FolderWatch {
  return new Watches(options);
}

class Watches implements FolderWatch {
  readonly #options: FolderWatchOptions;
  readonly #watched = new Map<string, { readonly id: string; readonly close: () => void }>();
  #isRefused = false;
  isComplete = true;

  constructor(options: FolderWatchOptions) {
    this.#options = options;
  }

  follow(folders: ReadonlySet<string>): boolean {
    for (const folder of this.#watched.keys()) if (!folders.has(folder)) this.#drop(folder);
    this.isComplete = folders.size <= maxFolders;
    let isNew = false;
    for (const folder of [...folders].slice(0, maxFolders)) {
      const id = idOf(folder);
      if (this.#watched.get(folder)?.id === id) continue;
      this.#drop(folder);
      if (id !== undefined && this.#watch(folder, id)) isNew = true;
    }
    return isNew;
  }

  close(): void {
    for (const folder of [...this.#watched.keys()]) this.#drop(folder);
  }

  #watch(folder: string, id: string): boolean {
    const { watchFolder = watchByNode, onHint } = this.#options;
    const lost = (cause?: unknown) => {
      this.#drop(folder);
      if (cause !== undefined) this.#refused(folder, cause);
      onHint();
    };
    try {
      const watcher = watchFolder(
        folder,
        // The last event of a folder that is deleted or moved has its own name.
        (name) => (name === basename(folder) && idOf(folder) !== id ? lost() : onHint()),
        lost,
      );
      this.#watched.set(folder, { id, close: () => watcher.close() });
      return true;
    } catch (cause) {
      this.#refused(folder, cause);
      return false;
    }
  }

  #refused(folder: string, cause: unknown): void {
    const { code } = cause as NodeJS.ErrnoException;
    // Gone meanwhile: the next scan finds that.
    if (code === "ENOENT" || code === "ENOTDIR") return;
    this.isComplete = false;
    if (this.#isRefused) return;
    this.#isRefused = true;
    this.#options.onRefused(`"${folder}" can't be watched: ${reasonOf(cause)}`);
  }

  #drop(folder: string): void {
    this.#watched.get(folder)?.close();
    this.#watched.delete(folder);
  }
}

const watchByNode: WatchFolder = (folder, onEvent, onError) => {
  const watcher = watch(folder, { persistent: false }, (_event, name) => onEvent(name));
  return watcher.on("error", onError);
};

/** Tells a folder from another one that has taken its place: file systems use a number again. */
function idOf(folder: string): string | undefined {
  try {
    const stats = statSync(folder, { bigint: true, throwIfNoEntry: false });
    return stats && [stats.dev, stats.ino, stats.birthtimeNs].join();
  } catch {
    return undefined;
  }
}

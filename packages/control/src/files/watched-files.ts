import { dirname } from "node:path";
import type { FoundFiles } from "./find-files.ts";
import { createFolderWatch, type FolderWatch, type WatchFolder } from "./folder-watch.ts";
import { foldersOnTheWay } from "./folders-on-the-way.ts";
import type { FileChanges, SourceFiles } from "./source-files.ts";

export interface WatchedFilesOptions {
  readonly paths: readonly string[];
  readonly files: SourceFiles;
  /** Something has changed. */
  readonly onChange: (changes: FileChanges) => void;
  /** For people: why files are polled. */
  readonly onProblem: (words: string) => void;
  readonly watchFolder?: WatchFolder;
  /** In ms; the defaults below when absent. */
  readonly pace?: Partial<WatchPace>;
}

export interface WatchPace {
  /** From the first sign of a change to a scan: a change often has several. */
  readonly gatherMs: number;
  /** Between two scans without a sign: some file systems, such as network ones, give none. */
  readonly safetyMs: number;
  /** The same where a folder can't be watched. */
  readonly pollMs: number;
}

const defaultPace: WatchPace = { gatherMs: 5, safetyMs: 10_000, pollMs: 1_000 };

export interface WatchedFiles {
  /** Scans now. */
  rescan(): void;
  close(): void;
}

/** Calls `onChange` whenever a file comes, changes or goes. The first scan is the caller's. */
export function watchFiles(options: WatchedFilesOptions): WatchedFiles {
  return new Watching(options);
}

/** New folders may have changed before they were watched. */
const maxScans = 5;

class Watching implements WatchedFiles {
  readonly #options: WatchedFilesOptions;
  readonly #pace: WatchPace;
  readonly #watch: FolderWatch;
  #next: NodeJS.Timeout | undefined;
  #isGathering = false;

  constructor(options: WatchedFilesOptions) {
    this.#options = options;
    this.#pace = { ...defaultPace, ...options.pace };
    const { watchFolder, onProblem } = options;
    this.#watch = createFolderWatch({
      onHint: () => this.#gather(),
      onRefused: (why) =>
        onProblem(`${why}; scanning the files every ${this.#pace.pollMs / 1_000} s instead`),
      ...(watchFolder === undefined ? {} : { watchFolder }),
    });
    this.rescan();
  }

  rescan(): void {
    clearTimeout(this.#next);
    this.#isGathering = false;
    let isUnsure = false;
    for (let scans = 0, isNew = true; isNew && scans < maxScans; scans++) {
      const changes = this.#options.files.scan();
      isUnsure = changes.isUnsure;
      isNew = this.#watch.follow(foldersOf(this.#options.paths, changes.found));
      if (hasChanges(changes)) this.#options.onChange(changes);
    }
    const { safetyMs, pollMs } = this.#pace;
    const idleMs = this.#watch.isComplete ? safetyMs : pollMs;
    this.#later(isUnsure ? Math.min(unsureMs, idleMs) : idleMs);
  }

  close(): void {
    clearTimeout(this.#next);
    this.#isGathering = true;
    this.#watch.close();
  }

  #gather(): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    this.#later(this.#pace.gatherMs);
  }

  #later(ms: number): void {
    clearTimeout(this.#next);
    this.#next = setTimeout(() => this.rescan(), ms);
  }
}

/** Longer than a file system's resolution of time. */
const unsureMs = 150;

function hasChanges({ put, kept, removed }: FileChanges): boolean {
  return put.length > 0 || kept.length > 0 || removed.length > 0;
}

function foldersOf(
  paths: readonly string[],
  { files, folders, links }: FoundFiles,
): ReadonlySet<string> {
  const watched = new Set<string>(folders);
  const wayTo = (path: string) => {
    for (const folder of foldersOnTheWay(path)) watched.add(folder);
  };
  // The watch of its folder covers a file that is no link.
  for (const path of [...paths, ...folders, ...links]) tryTo(() => wayTo(path));
  for (const file of files.keys()) watched.add(dirname(file));
  return watched;
}

/** What is deleted or closed at this moment is seen by the next scan. */
function tryTo(run: () => void): void {
  try {
    run();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === undefined) throw cause;
  }
}

import type { SourceFile } from "@umbra/envoy-config";
import {
  type FileFacts,
  type FileSystem,
  type FoundFiles,
  findFiles,
  maxFileBytes,
  reasonOf,
} from "./find-files.ts";

/** What has become of the files since the last scan. */
export interface FileChanges {
  /** New content. */
  readonly put: readonly SourceFile[];
  /** Files that can't be read now. */
  readonly kept: readonly { readonly name: string; readonly problem: string }[];
  /** Files that are gone. */
  readonly removed: readonly string[];
  readonly found: FoundFiles;
  /** True if a file may have changed again within the resolution of its time: scan again soon. */
  readonly isUnsure: boolean;
}

/** Reads files again only where they may have changed. */
export interface SourceFiles {
  /** Never throws. */
  scan(): FileChanges;
}

export interface SourceFilesOptions {
  /** As given with `-f`, without `-`. */
  readonly paths: readonly string[];
  readonly system: FileSystem;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Files that were read before, with what they had: the first scan compares with them. */
  readonly known?: readonly SourceFile[];
}

/** A file system may give two writes within this time the same time of change. */
const timeResolutionMs = 100;

export function createSourceFiles(options: SourceFilesOptions): SourceFiles {
  return new Files(options);
}

interface KnownFile {
  readonly signature: string;
  readonly content: Uint8Array | undefined;
  /** Why it can't be read. */
  readonly problem: string | undefined;
  readonly isUnsure: boolean;
}

class Files implements SourceFiles {
  readonly #options: SourceFilesOptions;
  #known: ReadonlyMap<string, KnownFile>;

  constructor(options: SourceFilesOptions) {
    this.#options = options;
    const { known = [] } = options;
    this.#known = new Map(known.map(({ name, text }) => [name, knownBy(Buffer.from(text))]));
  }

  scan(): FileChanges {
    const found = findFiles(this.#options.paths, this.#options.system);
    const next = new Map<string, KnownFile>();
    for (const [name, facts] of found.files) next.set(name, this.#read(name, facts));
    for (const [name, file] of this.#hidden(found)) next.set(name, file);
    const changed = [...next].filter(([name, file]) => differs(file, this.#known.get(name)));
    const removed = [...this.#known.keys()].filter((name) => !next.has(name));
    this.#known = next;
    return {
      put: changed.flatMap(([name, { content, problem }]) =>
        content === undefined || problem !== undefined ? [] : { name, text: content },
      ),
      kept: changed.flatMap(([name, { problem }]) =>
        problem === undefined ? [] : { name, problem },
      ),
      removed,
      found,
      isUnsure: [...next.values()].some(({ isUnsure }) => isUnsure),
    };
  }

  #read(name: string, facts: FileFacts): KnownFile {
    const known = this.#known.get(name);
    // A pipe gives its content once.
    if (known !== undefined && facts.kind === "other" && known.problem === undefined) return known;
    const { signature } = facts;
    if (known?.signature === signature && !known.isUnsure && known.problem === undefined)
      return known;
    // The clock of a network file system may be ahead: its files must not be read again all the time.
    const isUnsure = Math.abs(this.#options.now() - facts.changedAtMs) < timeResolutionMs;
    const failed = (problem: string) => ({ signature, content: known?.content, problem, isUnsure });
    if (facts.bytes > maxFileBytes) return failed(`"${name}" is larger than 16 MiB`);
    try {
      const content = this.#options.system.read(name);
      return { signature, content, problem: undefined, isUnsure };
    } catch (cause) {
      return failed(`"${name}" can't be read: ${reasonOf(cause)}`);
    }
  }

  /**
   * Files that are known, and below a path that can't be read now: whether they are there is not known. A folder
   * given with `-f` that is missing is one of them, as it may come back at once; a missing file is gone.
   */
  *#hidden({ files, problems }: FoundFiles): Generator<[string, KnownFile]> {
    const closed = [...problems].filter(([, { kind }]) => kind !== "empty");
    for (const [name, known] of this.#known) {
      if (files.has(name)) continue;
      const over = closed.find(
        ([path, { kind }]) =>
          name.startsWith(`${path.replace(/\/+$/, "")}/`) ||
          (kind === "unreadable" && name === path),
      );
      if (over !== undefined) {
        yield [name, { ...known, signature: "", problem: over[1].message, isUnsure: false }];
      }
    }
  }
}

function knownBy(content: Uint8Array): KnownFile {
  return { signature: "", content, problem: undefined, isUnsure: true };
}

function differs(file: KnownFile, known: KnownFile | undefined): boolean {
  if (known === undefined || file.problem !== known.problem) return true;
  if (file.content === known.content || file.content === undefined) return false;
  return known.content === undefined || !Buffer.from(file.content).equals(known.content);
}

import {
  chmodSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";

/** One captured pair, redacted. */
export interface Capture {
  readonly id: string;
  readonly at: string;
  readonly route: string;
  readonly candidate: string;
  readonly why: string;
  readonly request: string;
  readonly primary: { readonly class: string; readonly answer: string };
  readonly shadow: { readonly class: string; readonly answer: string };
}

/** Stores the captured pairs that differ most, as files that only their owner can read. */
export interface CaptureStore {
  /** Writes the capture if its `score` is among the `limit` largest. Only then calls `make`. */
  offer(score: number, make: () => Capture): void;
  readonly count: number;
  /** The score that a capture must exceed to be written. */
  readonly leastScore: number;
  /** Removes captures older than the retention. */
  expire(): void;
}

export interface CaptureStoreOptions {
  readonly folder: string;
  readonly limit: number;
  readonly retentionMs: number;
  /** Called for each failure to use the folder. Capturing continues when the folder is usable again. */
  readonly onTrouble: (cause: Error) => void;
}

/**
 * Opens the folder, readable only by its owner. Files of earlier runs stay until they expire.
 *
 * @throws Error if it can't be created or written
 */
export function openCaptureStore(options: CaptureStoreOptions): CaptureStore {
  const { folder, limit, retentionMs, onTrouble } = options;
  let count = 0;
  let kept: Kept[] = [];

  function files(): readonly string[] {
    return readdirSync(folder).filter((name) => /^capture-[0-9a-f]+\.json$/.test(name));
  }

  function expire(): void {
    for (const name of files()) {
      const file = join(folder, name);
      const written = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
      if (Date.now() - written > retentionMs) rmSync(file, { force: true });
    }
    const left = new Set(files());
    count = left.size;
    kept = kept.filter(({ file }) => left.has(basename(file)));
  }

  /** Creates the folder again if something removed it. Reports a failure and continues. */
  function inFolder(run: () => void): void {
    try {
      makeFolder(folder);
      run();
    } catch (cause) {
      onTrouble(cause as Error);
    }
  }

  try {
    makeFolder(folder);
    expire();
  } catch (cause) {
    const words = `can't use the capture folder ${folder}: ${(cause as Error).message}`;
    throw new Error(words, { cause });
  }
  return {
    offer(score, make) {
      if (score <= leastScoreOf(kept, limit)) return;
      inFolder(() => {
        const capture = make();
        const file = join(folder, `capture-${capture.id}.json`);
        writeNew(file, `${JSON.stringify(capture, null, 2)}\n`);
        kept.push({ score, file });
        kept.sort((a, b) => b.score - a.score);
        const dropped = kept.length > limit ? kept.pop() : undefined;
        if (dropped === undefined) count++;
        else rmSync(dropped.file, { force: true });
      });
    },
    get count() {
      return count;
    },
    get leastScore() {
      return leastScoreOf(kept, limit);
    },
    expire: () => inFolder(expire),
  };
}

interface Kept {
  readonly score: number;
  readonly file: string;
}

/** @param kept sorted, the largest score first */
function leastScoreOf(kept: readonly Kept[], limit: number): number {
  const least = kept.length < limit ? undefined : kept.at(-1);
  // With a limit of 0, nothing is written.
  if (least === undefined) return limit > 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return least.score;
}

function makeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
}

/** Does not follow links that another user may have created, and leaves no partial files. */
function writeNew(file: string, text: string): void {
  rmSync(file, { force: true });
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const fd = openSync(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    writeFileSync(fd, text);
  } catch (cause) {
    rmSync(file, { force: true });
    throw cause;
  } finally {
    closeSync(fd);
  }
}

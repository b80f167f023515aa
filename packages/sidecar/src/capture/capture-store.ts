import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

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

/** The captured pairs that differ most, as files that only their owner may read. */
export interface CaptureStore {
  /** Writes the capture if it is among the `limit` with the largest `score`. `make` is called only then. */
  offer(score: number, make: () => Capture): void;
  readonly count: number;
  /** Removes what is older than the retention. */
  expire(): void;
}

export interface CaptureStoreOptions {
  readonly folder: string;
  readonly limit: number;
  readonly retentionMs: number;
}

/** Opens the folder, 0700. Throws when it can't be made. Files of earlier runs stay until they expire. */
export function openCaptureStore({
  folder,
  limit,
  retentionMs,
}: CaptureStoreOptions): CaptureStore {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  let count = 0;
  const kept: { readonly score: number; readonly file: string }[] = [];

  function files(): readonly string[] {
    return readdirSync(folder).filter((name) => /^capture-[0-9a-f]+\.json$/.test(name));
  }

  function expire(): void {
    for (const name of files()) {
      const file = join(folder, name);
      if (Date.now() - statSync(file).mtimeMs > retentionMs) rmSync(file, { force: true });
    }
    count = files().length;
  }

  expire();
  return {
    offer(score, make) {
      const least = kept.at(-1);
      if (kept.length >= limit && (least === undefined || score <= least.score)) return;
      const capture = make();
      const file = join(folder, `capture-${capture.id}.json`);
      writeFileSync(file, `${JSON.stringify(capture, null, 2)}\n`, { mode: 0o600 });
      kept.push({ score, file });
      kept.sort((a, b) => b.score - a.score);
      const dropped = kept.length > limit ? kept.pop() : undefined;
      if (dropped === undefined) count++;
      else rmSync(dropped.file, { force: true });
    },
    get count() {
      return count;
    },
    expire,
  };
}

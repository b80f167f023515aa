import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { parseSample, type Sample } from "@umbra/shadow";

/** Samples as NDJSON on disk; a crash costs what came since the last batch. */
export interface SamplesFile {
  /** Samples that an earlier process wrote for evaluations of the same configuration. */
  readonly earlier: readonly Sample[];
  /** Start of each evaluation that goes on, in ms since the epoch, by key. */
  readonly startedAtMs: ReadonlyMap<string, number>;
  append(samples: readonly Sample[]): void;
  /** Notes the start of an evaluation, so that a restart can go on with it. */
  started(key: string, configSha256: string, atMs: number): void;
  /** The file is full: nothing more is written. */
  readonly isFull: boolean;
  close(): void;
}

interface Meta {
  readonly evaluations: Record<
    string,
    { readonly config_sha256: string; readonly started_at: number }
  >;
}

const maxBytes = 1024 ** 3;
/** A file larger than this is appended to and not read: its evaluations begin anew. */
const maxReadBytes = 512 * 1024 ** 2;

/** Opens the file, or makes it; `hashes` are the configurations' hashes by key. Throws when it can't be written. */
export function openSamplesFile(file: string, hashes: ReadonlyMap<string, string>): SamplesFile {
  const metaFile = `${file}.meta.json`;
  const meta = readMeta(metaFile);
  const startedAtMs = new Map<string, number>();
  for (const [key, hash] of hashes) {
    const known = meta.evaluations[key];
    if (known?.config_sha256 === hash) startedAtMs.set(key, known.started_at);
  }
  // Ids and sessions are hashes, and still nobody else's business.
  const fd = openSync(file, "a+", 0o600);
  let { size } = fstatSync(fd);
  const earlier =
    startedAtMs.size > 0 && size <= maxReadBytes ? readEarlier(file, startedAtMs) : [];
  if (size > 0 && !endsWithNewline(fd, size)) size += writeSync(fd, "\n");
  return {
    earlier,
    startedAtMs,
    append(samples) {
      if (samples.length === 0 || size >= maxBytes) return;
      size += writeSync(fd, `${samples.map((sample) => JSON.stringify(sample)).join("\n")}\n`);
      fdatasyncSync(fd);
    },
    started(key, configSha256, atMs) {
      meta.evaluations[key] = { config_sha256: configSha256, started_at: atMs };
      writeFileSync(`${metaFile}.tmp`, `${JSON.stringify(meta, null, 2)}\n`, { mode: 0o600 });
      renameSync(`${metaFile}.tmp`, metaFile);
    },
    get isFull() {
      return size >= maxBytes;
    },
    close() {
      closeSync(fd);
    },
  };
}

function readMeta(file: string): Meta {
  if (!existsSync(file)) return { evaluations: {} };
  try {
    const read = JSON.parse(readFileSync(file, "utf8")) as Partial<Meta>;
    return { evaluations: read.evaluations ?? {} };
  } catch {
    // Cut short by a crash: the evaluations then begin anew, and the samples stay.
    return { evaluations: {} };
  }
}

function readEarlier(file: string, startedAtMs: ReadonlyMap<string, number>): readonly Sample[] {
  const samples: Sample[] = [];
  for (const line of readFileSync(file, "utf8").split("\n")) {
    const read = line === "" ? undefined : parseSample(line);
    if (read?.ok !== true) continue;
    const { route, candidate, t0 } = read.sample;
    const since = startedAtMs.get(`${route} ${candidate}`);
    if (since !== undefined && t0 >= since) samples.push(read.sample);
  }
  return samples;
}

function endsWithNewline(fd: number, size: number): boolean {
  const last = Buffer.alloc(1);
  readSync(fd, last, 0, 1, size - 1);
  return last[0] === 0x0a;
}

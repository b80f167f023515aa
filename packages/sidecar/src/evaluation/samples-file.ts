import {
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import {
  type EvaluationConfig,
  type EvaluationLine,
  evaluationLine,
  isOver,
  isReport,
  parseSample,
  type Sample,
  type ShadowReport,
} from "@umbra/shadow";
import { evaluationKey } from "../mirror/evaluation-key.ts";

/** Samples as NDJSON on disk. A crash loses only the samples since the last batch. */
export interface SamplesFile {
  /** Evaluations that this process continues from an earlier one, by key. */
  readonly resumed: ReadonlyMap<string, ResumedEvaluation>;
  append(samples: readonly Sample[]): void;
  /** Stores the start of an evaluation, so that a restart can continue it. Throws if it can't be written. */
  started(key: string, wanted: WantedEvaluation, atMs: number): void;
  /** Stores that a new evaluation of the key begins or that it was closed, for readers of the file. Throws if it can't be written. */
  noted(line: EvaluationLine): void;
  /** The next start of the key is that of another evaluation. */
  replaced(key: string): void;
  /** Stores a final verdict for a restart. Throws if it can't be written. */
  judged(key: string, report: ShadowReport): void;
  /** Stores that an evaluation has its last verdict, so that a restart begins a new one. Throws if it can't be written. */
  ended(key: string): void;
  /** True if the file is full: nothing more is written. */
  readonly isFull: boolean;
  close(): void;
}

export interface ResumedEvaluation {
  /** In ms since the epoch. */
  readonly startedAtMs: number;
  readonly samples: readonly Sample[];
  /** Report of the analysis with a final verdict; undefined without one. */
  readonly report: ShadowReport | undefined;
}

/** The data that decides whether an evaluation on disk is continued. */
export interface WantedEvaluation {
  readonly configSha256: string;
  /** Hash of what is compared; absent: not checked. */
  readonly subjectSha256?: string;
  readonly config: Pick<EvaluationConfig, "horizonMs">;
}

interface MetaEntry {
  readonly config_sha256: string;
  /** Absent in files of older versions. */
  readonly subject_sha256?: string;
  /** In ms since the epoch. */
  readonly started_at: number;
  /** Offset of its samples in the samples file. */
  readonly from_byte: number;
  readonly is_over: boolean;
  /** Report of the analysis with a final verdict. */
  readonly report?: ShadowReport;
}

const maxBytes = 1024 ** 3;
/** Evaluations with more than this in the file start again: the file is only appended to, not read. */
const maxReadBytes = 512 * 1024 ** 2;
/** After its planned length, an evaluation only continues if the restart is this close to the last sample. */
const maxGapMs = 600_000;

/**
 * Opens or creates the file. Continues an evaluation on disk if its configuration is the same, its samples still exist
 * and it has not ended. Otherwise starts a new one; the file keeps both. Throws if it can't be written.
 */
export function openSamplesFile(
  file: string,
  wanted: ReadonlyMap<string, WantedEvaluation>,
  nowMs: number,
): SamplesFile {
  const metaFile = `${file}.meta.json`;
  const meta = readMeta(metaFile);
  // Readable only by the owner: ids and sessions are hashes, but still private.
  const fd = openRegular(file);
  try {
    return samplesIn(fd, { metaFile, meta, wanted, nowMs });
  } catch (cause) {
    closeSync(fd);
    throw cause;
  }
}

interface OpenedMeta {
  readonly metaFile: string;
  readonly meta: Map<string, MetaEntry>;
  readonly wanted: ReadonlyMap<string, WantedEvaluation>;
  readonly nowMs: number;
}

function samplesIn(fd: number, { metaFile, meta, wanted, nowMs }: OpenedMeta): SamplesFile {
  let { size } = fstatSync(fd);
  const resumed = new Map<string, ResumedEvaluation>();
  const sameConfig = new Map([...meta].filter(([key, entry]) => isSameRun(entry, wanted.get(key))));
  for (const [key, samples] of readSamplesOf(fd, size, sameConfig)) {
    const { started_at: startedAtMs, report } = sameConfig.get(key) ?? {};
    const config = wanted.get(key)?.config;
    if (startedAtMs === undefined || config === undefined) continue;
    if (canContinue(samples, config, startedAtMs, nowMs)) {
      resumed.set(key, { startedAtMs, samples, report });
    }
  }
  if (size > 0 && !endsWithNewline(fd, size)) size += writeSync(fd, "\n");

  const begun = new Set(resumed.keys());

  function write(lines: readonly string[]): void {
    if (lines.length === 0 || size >= maxBytes) return;
    size += writeSync(fd, `${lines.join("\n")}\n`);
    fdatasyncSync(fd);
  }

  return {
    resumed,
    append: (samples) => write(samples.map((sample) => JSON.stringify(sample))),
    noted: (line) => write([evaluationLine(line)]),
    started(key, { configSha256, subjectSha256 }, atMs) {
      const known = begun.has(key) ? meta.get(key) : undefined;
      begun.add(key);
      const entry = known ?? { from_byte: size, is_over: false };
      meta.set(key, {
        ...{ ...entry, config_sha256: configSha256, started_at: atMs },
        ...(subjectSha256 === undefined ? {} : { subject_sha256: subjectSha256 }),
      });
      writeMeta(metaFile, meta);
    },
    replaced: (key) => void begun.delete(key),
    judged(key, report) {
      const entry = meta.get(key);
      if (entry === undefined || !begun.has(key)) return;
      meta.set(key, { ...entry, report });
      writeMeta(metaFile, meta);
    },
    ended(key) {
      const entry = meta.get(key);
      if (entry === undefined || !begun.has(key) || entry.is_over) return;
      // It will not be continued.
      const { report: _, ...over } = entry;
      meta.set(key, { ...over, is_over: true });
      writeMeta(metaFile, meta);
    },
    get isFull() {
      return size >= maxBytes;
    },
    close() {
      closeSync(fd);
    },
  };
}

/**
 * Checks that samples can be written, before anything is mirrored.
 *
 * @throws Error with advice
 */
export function checkSamplesFile(file: string): void {
  try {
    closeSync(openRegular(file));
  } catch (cause) {
    const words = `can't write samples to ${file}: ${(cause as Error).message}; choose another file with --samples, or create its folder`;
    throw new Error(words, { cause });
  }
}

/**
 * Only regular files: a pipe may block forever, and another user of the folder may have created a link.
 */
function openRegular(file: string): number {
  const { O_RDWR, O_APPEND, O_CREAT, O_NONBLOCK, O_NOFOLLOW } = constants;
  if (lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true)
    throw new Error("it is a symbolic link, which Umbra does not follow");
  const fd = openSync(file, O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | O_NOFOLLOW, 0o600);
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new Error("it is not a regular file");
}

function isSameRun(entry: MetaEntry, wanted: WantedEvaluation | undefined): boolean {
  const { config_sha256: config, subject_sha256: subject, is_over: isOver } = entry;
  const isSame = subject === undefined || subject === (wanted?.subjectSha256 ?? subject);
  return config === wanted?.configSha256 && isSame && !isOver;
}

/** False without samples, which were removed, and with a start in the future, because the clock was set back. */
function canContinue(
  samples: readonly Sample[],
  config: WantedEvaluation["config"],
  startedAtMs: number,
  nowMs: number,
): boolean {
  if (samples.length === 0 || startedAtMs > nowMs) return false;
  const lastMs = samples.reduce((last, { t0 }) => Math.max(last, t0), startedAtMs);
  return !isOver(nowMs - startedAtMs, config) || nowMs - lastMs <= maxGapMs;
}

/** Skips entries that can't be read or were truncated by a crash. Their evaluations start again, and the samples stay. */
function readMeta(file: string): Map<string, MetaEntry> {
  const entries = new Map<string, MetaEntry>();
  if (!existsSync(file)) return entries;
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return entries;
  }
  const evaluations = (json as { readonly evaluations?: unknown } | null)?.evaluations;
  if (typeof evaluations !== "object" || evaluations === null) return entries;
  for (const [key, value] of Object.entries(evaluations)) {
    const entry = parseEntry(value);
    if (entry !== undefined) entries.set(key, entry);
  }
  return entries;
}

function writeMeta(file: string, meta: ReadonlyMap<string, MetaEntry>): void {
  const text = JSON.stringify({ evaluations: Object.fromEntries(meta) }, null, 2);
  // Creates a new file, so that an existing link is not followed.
  rmSync(`${file}.tmp`, { force: true });
  writeFileSync(`${file}.tmp`, `${text}\n`, { flag: "wx", mode: 0o600 });
  renameSync(`${file}.tmp`, file);
}

function parseEntry(json: unknown): MetaEntry | undefined {
  if (typeof json !== "object" || json === null) return undefined;
  const { config_sha256, subject_sha256, ...more } = json as Record<string, unknown>;
  const { started_at, from_byte, is_over, report } = more;
  if (typeof config_sha256 !== "string" || !isWhole(started_at)) return undefined;
  return {
    config_sha256,
    ...(typeof subject_sha256 === "string" ? { subject_sha256 } : {}),
    started_at,
    from_byte: isWhole(from_byte) ? from_byte : 0,
    is_over: is_over === true,
    ...(isReportOf(report, config_sha256) ? { report } : {}),
  };
}

/** False for an incomplete report, or one with another version or configuration: it is evaluated again. */
function isReportOf(json: unknown, configSha256: string): json is ShadowReport {
  return isReport(json) && json.evaluation.config_sha256 === configSha256;
}

function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Reads the samples of each evaluation since its start, by key. */
function readSamplesOf(
  fd: number,
  size: number,
  entries: ReadonlyMap<string, MetaEntry>,
): ReadonlyMap<string, readonly Sample[]> {
  const found = new Map([...entries.keys()].map((key) => [key, [] as Sample[]]));
  const from = Math.min(size, ...[...entries.values()].map(({ from_byte }) => from_byte));
  if (size - from > maxReadBytes) return found;
  let at = from;
  for (const line of readText(fd, from, size).split("\n")) {
    const startsAt = at;
    at += Buffer.byteLength(line) + 1;
    const read = line === "" ? undefined : parseSample(line);
    if (read?.ok !== true) continue;
    const { route, candidate, t0 } = read.sample;
    const key = evaluationKey(route, candidate);
    const entry = entries.get(key);
    if (entry === undefined || startsAt < entry.from_byte || t0 < entry.started_at) continue;
    found.get(key)?.push(read.sample);
  }
  return found;
}

function readText(fd: number, from: number, to: number): string {
  const bytes = Buffer.alloc(to - from);
  let length = 0;
  while (length < bytes.length) {
    const more = readSync(fd, bytes, length, bytes.length - length, from + length);
    if (more === 0) break;
    length += more;
  }
  return bytes.toString("utf8", 0, length);
}

function endsWithNewline(fd: number, size: number): boolean {
  const last = Buffer.alloc(1);
  readSync(fd, last, 0, 1, size - 1);
  return last[0] === 0x0a;
}

import { legClasses } from "../measure/leg.ts";
import { type RequestKind, requestShapes } from "../measure/request-kind.ts";
import { createOutputColumns, hasOutputs, type OutputColumns } from "./output-columns.ts";
import { dropReasons, type Sample, type SampleLeg } from "./sample.ts";
import { createThinning, type KeptShares } from "./thinning.ts";

/**
 * Stores samples in bounded memory: columns of numbers, about 240 bytes per sample, and 400 more if answers are looked
 * at. A full store removes every second
 * sample, chosen by a hash of its id. The choice does not depend on content, and the start of the run is kept, so
 * analyses at any time stay valid.
 */
export interface SampleStore {
  /** `serial`: larger than those of the samples before it; the next whole number when absent. */
  add(sample: Sample, serial?: number): void;
  readonly size: number;
  /** Number of samples that were removed. */
  readonly evicted: number;
  /** Mirrored samples among them, by outcome. */
  readonly evictedPairs: LeftOut;
  /** All mirrored samples that were added, also those that were removed since. */
  readonly addedPairs: LeftOut;
  /** Iterates over the samples, oldest first. Each is created when it is read. */
  all(): IterableIterator<Sample>;
  /** Iterates over the samples with a larger serial, in the order of their serials. */
  after(serial: number): IterableIterator<StoredSample>;
  /** Which samples are kept. */
  readonly kept: KeptShares;
  /** Keeps no more samples than a store with these shares does. */
  thinTo(shares: KeptShares): void;
}

export interface StoredSample {
  readonly serial: number;
  readonly sample: Sample;
}

/** Mirrored requests that were left out to save memory, by the outcome of their twins. */
export interface LeftOut {
  readonly paired: number;
  readonly lost: number;
  readonly unsent: number;
  readonly unmeasured: number;
}

/** Returns how a mirrored request's twin ended. */
export function twinOf({ shadow, unsent, unmeasured }: Sample): keyof LeftOut {
  if (shadow !== null) return "paired";
  if (unmeasured === true) return "unmeasured";
  return unsent === true ? "unsent" : "lost";
}

const numberFields = [
  "status",
  "ttft",
  "ttfo",
  "tpot",
  "e2e",
  "outTokens",
  "outChars",
  "promptTokens",
  "cachedTokens",
  "promptBytes",
  "attempts",
  "tpoc",
  "stall",
  "cut",
] as const satisfies readonly (keyof SampleLeg)[];

/** Codes of one byte each: class, stream, source, and the index of the finish reason. */
const codesPerLeg = 4;
const numbersPerLeg = numberFields.length;
const rowsPerChunk = 4_096;
/** Most finish reasons and most names of a request's kind in a chunk. Further ones are stored as unknown. */
const maxNames = 255;
/** A chunk has room for the endpoints of all its legs. */
const maxEndpoints = 2 * rowsPerChunk;

interface Chunk {
  readonly serials: Float64Array;
  readonly ids: string[];
  readonly sessions: (string | null)[];
  readonly t0: Float64Array;
  readonly lag: Float32Array;
  readonly flags: Uint8Array;
  readonly drops: Uint8Array;
  /** Four codes per row, for names of the request's kind. */
  readonly kinds: Uint8Array;
  readonly numbers: Float32Array;
  readonly codes: Uint8Array;
  readonly endpoints: Uint16Array;
  /** Names by code. Each chunk has its own, so that names leave memory with the samples that have them. */
  readonly kindNames: Names;
  readonly finishNames: Names;
  readonly endpointNames: Names;
  /** Absent until a sample has something in them. */
  outputs: OutputColumns | undefined;
  rows: number;
}

/** Creates a store for one shadow of one route. */
export function createSampleStore(
  names: Pick<Sample, "route" | "candidate">,
  capacity: number,
): SampleStore {
  const rows = createRows(names);
  const most = Math.max(1, Math.ceil(capacity / rowsPerChunk)) * rowsPerChunk;
  const thinning = createThinning();
  let evicted = 0;
  const evictedPairs = { paired: 0, lost: 0, unsent: 0, unmeasured: 0 };
  const addedPairs = { paired: 0, lost: 0, unsent: 0, unmeasured: 0 };

  function evict(sample: Sample): void {
    evicted++;
    if (isMirrored(sample)) evictedPairs[twinOf(sample)]++;
  }

  let newest = 0;

  function keep({ sample, serial }: StoredSample): void {
    if (!thinning.keeps(sample)) {
      evict(sample);
      return;
    }
    rows.add(sample, serial);
    thinning.count(sample);
  }

  return {
    add(sample, serial = newest + 1) {
      newest = serial;
      if (isMirrored(sample)) addedPairs[twinOf(sample)]++;
      if (rows.size >= most) {
        thinning.halve();
        for (const each of rows.drain()) keep(each);
      }
      keep({ sample, serial });
    },
    after: (serial) => rows.after(serial),
    get kept() {
      return thinning.kept;
    },
    thinTo(shares) {
      if (!thinning.thinTo(shares)) return;
      for (const each of rows.drain()) keep(each);
    },
    get size() {
      return rows.size;
    },
    get evicted() {
      return evicted;
    },
    get evictedPairs() {
      return { ...evictedPairs };
    },
    get addedPairs() {
      return { ...addedPairs };
    },
    all: () => rows.all(),
  };
}

function isMirrored({ mirrored, shadow }: Sample): boolean {
  return mirrored || shadow !== null;
}

/** Creates the columns of all samples, in chunks. */
function createRows({ route, candidate }: Pick<Sample, "route" | "candidate">) {
  const chunks: Chunk[] = [];
  const legs = createLegColumns();
  const kinds = createKindColumns();
  let size = 0;

  /** Returns a chunk with room. */
  function newestChunk(): Chunk {
    const newest = chunks.at(-1);
    if (newest !== undefined && newest.rows < rowsPerChunk) return newest;
    const chunk = createChunk();
    chunks.push(chunk);
    return chunk;
  }

  function readRow(chunk: Chunk, row: number): Sample {
    const isPaired = hasFlag(chunk, row, pairedFlag);
    const outputs = chunk.outputs?.read(row);
    return {
      ...{ v: 1, route, candidate, ...readFrame(chunk, row) },
      primary: { ...legs.read(chunk, row * 2), ...outputs?.primary },
      shadow: isPaired ? { ...legs.read(chunk, row * 2 + 1), ...outputs?.shadow } : null,
      ...kinds.read(chunk, row),
      ...outputs?.sample,
    };
  }

  function* rowsOf(of: readonly Chunk[], afterSerial: number): IterableIterator<StoredSample> {
    for (const chunk of of) {
      if ((chunk.serials[chunk.rows - 1] ?? 0) <= afterSerial) continue;
      for (let row = 0; row < chunk.rows; row++) {
        const serial = chunk.serials[row] ?? 0;
        if (serial > afterSerial) yield { serial, sample: readRow(chunk, row) };
      }
    }
  }

  return {
    add(sample: Sample, serial: number): void {
      const chunk = newestChunk();
      const row = writeRow(chunk, sample);
      chunk.serials[row] = serial;
      kinds.write(chunk, row, sample.request);
      legs.write(chunk, row * 2, sample.primary);
      if (sample.shadow !== null) legs.write(chunk, row * 2 + 1, sample.shadow);
      writeOutputs(chunk, row, sample);
      size++;
    },
    get size() {
      return size;
    },
    all: () => samplesOf(rowsOf(chunks, Number.NEGATIVE_INFINITY)),
    after: (serial: number) => rowsOf(chunks, serial),
    /** Iterates over all rows, oldest first. New rows may be added meanwhile. */
    drain() {
      size = 0;
      return rowsOf(chunks.splice(0), Number.NEGATIVE_INFINITY);
    },
  };
}

function writeOutputs(chunk: Chunk, row: number, sample: Sample): void {
  if (!hasOutputs(sample)) return;
  chunk.outputs ??= createOutputColumns(rowsPerChunk, chunk.kindNames);
  chunk.outputs.write(row, sample);
}

function* samplesOf(rows: Iterable<StoredSample>): IterableIterator<Sample> {
  for (const { sample } of rows) yield sample;
}

/** Writes all fields but the legs. Returns the row. */
function writeRow(chunk: Chunk, sample: Sample): number {
  const row = chunk.rows++;
  chunk.ids[row] = sample.id;
  chunk.sessions[row] = sample.session;
  chunk.t0[row] = sample.t0;
  chunk.lag[row] = sample.lag ?? Number.NaN;
  chunk.flags[row] =
    (sample.mirrored ? mirroredFlag : 0) |
    (sample.shadow === null ? 0 : pairedFlag) |
    (sample.unsent === true ? unsentFlag : 0) |
    (sample.unmeasured === true ? unmeasuredFlag : 0);
  chunk.drops[row] = sample.drop === null ? 0 : dropReasons.indexOf(sample.drop) + 1;
  return row;
}

const [mirroredFlag, pairedFlag, unsentFlag, unmeasuredFlag] = [1, 2, 4, 8];

/** Reads what `writeRow` wrote. */
function readFrame(chunk: Chunk, row: number) {
  return {
    id: chunk.ids[row] ?? "",
    t0: chunk.t0[row] ?? 0,
    mirrored: hasFlag(chunk, row, mirroredFlag),
    drop: dropReasons[(chunk.drops[row] ?? 0) - 1] ?? null,
    session: chunk.sessions[row] ?? null,
    lag: known(chunk.lag[row]),
    ...(hasFlag(chunk, row, unsentFlag) ? { unsent: true as const } : {}),
    ...(hasFlag(chunk, row, unmeasuredFlag) ? { unmeasured: true as const } : {}),
  };
}

function hasFlag(chunk: Chunk, row: number, flag: number): boolean {
  return ((chunk.flags[row] ?? 0) & flag) !== 0;
}

const kindFields = ["model", "path", "shape", "priority"] as const;

/** Creates the columns of a request's kind. */
function createKindColumns() {
  return {
    write(
      { kinds, kindNames: names }: Chunk,
      row: number,
      kind: RequestKind | null | undefined,
    ): void {
      kindFields.forEach((field, at) => {
        kinds[row * kindFields.length + at] = names.codeOf(kind?.[field] ?? null);
      });
    },
    read({ kinds, kindNames: names }: Chunk, row: number): Pick<Sample, "request"> {
      const at = row * kindFields.length;
      const name = (field: number) => names.nameOf(kinds[at + field] ?? 0);
      const [model, path, shape, priority] = [name(0), name(1), name(2), name(3)];
      if (model === null && path === null && shape === null && priority === null) return {};
      const known = requestShapes.find((each) => each === shape) ?? null;
      return { request: { model, path, shape: known, priority } };
    },
  };
}

/** Creates the columns of legs. `slot` is twice the row, plus one for the shadow's leg. */
function createLegColumns() {
  return {
    write(chunk: Chunk, slot: number, leg: SampleLeg): void {
      numberFields.forEach((field, at) => {
        chunk.numbers[slot * numbersPerLeg + at] = leg[field] ?? Number.NaN;
      });
      const own = [
        leg.class === null ? 0 : legClasses.indexOf(leg.class) + 1,
        leg.stream === null ? 0 : leg.stream ? 2 : 1,
        leg.tokenSource === null ? 0 : leg.tokenSource === "usage" ? 2 : 1,
        chunk.finishNames.codeOf(leg.finish),
      ];
      chunk.codes.set(own, slot * codesPerLeg);
      chunk.endpoints[slot] = chunk.endpointNames.codeOf(leg.endpoint);
    },
    read(chunk: Chunk, slot: number): SampleLeg {
      const number = (at: number) => known(chunk.numbers[slot * numbersPerLeg + at]);
      const code = (at: number) => chunk.codes[slot * codesPerLeg + at] ?? 0;
      const numbers = Object.fromEntries(
        numberFields.map((field, at) => [field, number(at)]),
      ) as Record<(typeof numberFields)[number], number | null>;
      const { cut, ...others } = numbers;
      return {
        ...others,
        ...(cut === null ? {} : { cut }),
        class: legClasses[code(0) - 1] ?? null,
        stream: code(1) === 0 ? null : code(1) === 2,
        tokenSource: code(2) === 0 ? null : code(2) === 2 ? "usage" : "chunks",
        finish: chunk.finishNames.nameOf(code(3)),
        endpoint: chunk.endpointNames.nameOf(chunk.endpoints[slot] ?? 0),
      };
    },
  };
}

/** Reads a number; NaN means null. */
function known(value = Number.NaN): number | null {
  return Number.isNaN(value) ? null : value;
}

function createChunk(): Chunk {
  return {
    serials: new Float64Array(rowsPerChunk),
    ids: [],
    sessions: [],
    t0: new Float64Array(rowsPerChunk),
    lag: new Float32Array(rowsPerChunk),
    flags: new Uint8Array(rowsPerChunk),
    drops: new Uint8Array(rowsPerChunk),
    kinds: new Uint8Array(rowsPerChunk * kindFields.length),
    numbers: new Float32Array(rowsPerChunk * 2 * numbersPerLeg),
    codes: new Uint8Array(rowsPerChunk * 2 * codesPerLeg),
    endpoints: new Uint16Array(rowsPerChunk * 2),
    kindNames: createNames(maxNames),
    finishNames: createNames(maxNames),
    endpointNames: createNames(maxEndpoints),
    outputs: undefined,
    rows: 0,
  };
}

type Names = ReturnType<typeof createNames>;

function createNames(max: number) {
  const names: string[] = [];
  const codes = new Map<string, number>();
  return {
    /** Code of a name; 0 for null and for names beyond the limit. */
    codeOf(name: string | null): number {
      if (name === null) return 0;
      const known = codes.get(name);
      if (known !== undefined) return known;
      if (names.length >= max) return 0;
      names.push(name);
      codes.set(name, names.length);
      return names.length;
    },
    nameOf: (code: number): string | null => names[code - 1] ?? null,
  };
}

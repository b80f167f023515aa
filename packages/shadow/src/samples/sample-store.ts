import { legClasses } from "../measure/leg.ts";
import { dropReasons, type Sample, type SampleLeg } from "./sample.ts";

/** Samples in bounded memory: columns of numbers, about 220 bytes each. The oldest go first. */
export interface SampleStore {
  add(sample: Sample): void;
  readonly size: number;
  /** Samples that had to go. */
  readonly evicted: number;
  /** Oldest first; each sample is made as it is asked for. */
  all(): IterableIterator<Sample>;
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
] as const satisfies readonly (keyof SampleLeg)[];

/** Codes in a byte each: class, stream, source, and indices into tables of names. */
const codesPerLeg = 5;
const numbersPerLeg = numberFields.length;
const rowsPerChunk = 4_096;
/** Names are few: endpoints, finish reasons, routes. What comes beyond is stored as unknown. */
const maxNames = 255;

interface Chunk {
  readonly ids: string[];
  readonly sessions: (string | null)[];
  readonly t0: Float64Array;
  readonly lag: Float32Array;
  readonly flags: Uint8Array;
  readonly drops: Uint8Array;
  readonly numbers: Float32Array;
  readonly codes: Uint8Array;
  rows: number;
}

/** Creates a store for one candidate of one route. */
export function createSampleStore(
  { route, candidate }: Pick<Sample, "route" | "candidate">,
  capacity: number,
): SampleStore {
  const chunks: Chunk[] = [];
  const maxChunks = Math.max(1, Math.ceil(capacity / rowsPerChunk));
  const finishes = createNames();
  const endpoints = createNames();
  let [size, evicted] = [0, 0];

  function writeLeg(chunk: Chunk, slot: number, leg: SampleLeg): void {
    numberFields.forEach((field, at) => {
      chunk.numbers[slot * numbersPerLeg + at] = leg[field] ?? Number.NaN;
    });
    const codes = [
      leg.class === null ? 0 : legClasses.indexOf(leg.class) + 1,
      leg.stream === null ? 0 : leg.stream ? 2 : 1,
      leg.tokenSource === null ? 0 : leg.tokenSource === "usage" ? 2 : 1,
      finishes.codeOf(leg.finish),
      endpoints.codeOf(leg.endpoint),
    ];
    chunk.codes.set(codes, slot * codesPerLeg);
  }

  function readLeg(chunk: Chunk, slot: number): SampleLeg {
    const number = (at: number) => {
      const value = chunk.numbers[slot * numbersPerLeg + at] ?? Number.NaN;
      return Number.isNaN(value) ? null : value;
    };
    const code = (at: number) => chunk.codes[slot * codesPerLeg + at] ?? 0;
    const numbers = Object.fromEntries(
      numberFields.map((field, at) => [field, number(at)]),
    ) as Record<(typeof numberFields)[number], number | null>;
    return {
      ...numbers,
      class: legClasses[code(0) - 1] ?? null,
      stream: code(1) === 0 ? null : code(1) === 2,
      tokenSource: code(2) === 0 ? null : code(2) === 2 ? "usage" : "chunks",
      finish: finishes.nameOf(code(3)),
      endpoint: endpoints.nameOf(code(4)),
    };
  }

  function readRow(chunk: Chunk, row: number): Sample {
    const flags = chunk.flags[row] ?? 0;
    const lag = chunk.lag[row] ?? Number.NaN;
    return {
      v: 1,
      id: chunk.ids[row] ?? "",
      t0: chunk.t0[row] ?? 0,
      route,
      candidate,
      mirrored: (flags & 1) !== 0,
      drop: dropReasons[(chunk.drops[row] ?? 0) - 1] ?? null,
      session: chunk.sessions[row] ?? null,
      primary: readLeg(chunk, row * 2),
      shadow: (flags & 2) === 0 ? null : readLeg(chunk, row * 2 + 1),
      lag: Number.isNaN(lag) ? null : lag,
    };
  }

  return {
    add(sample) {
      let chunk = chunks.at(-1);
      if (chunk === undefined || chunk.rows === rowsPerChunk) {
        // The oldest chunk's memory becomes the newest's: no growth, and nothing for the collector.
        const oldest = chunks.length >= maxChunks ? chunks.shift() : undefined;
        if (oldest !== undefined) {
          evicted += oldest.rows;
          size -= oldest.rows;
          oldest.rows = 0;
        }
        chunk = oldest ?? createChunk();
        chunks.push(chunk);
      }
      const row = chunk.rows++;
      size++;
      chunk.ids[row] = sample.id;
      chunk.sessions[row] = sample.session;
      chunk.t0[row] = sample.t0;
      chunk.lag[row] = sample.lag ?? Number.NaN;
      chunk.flags[row] = (sample.mirrored ? 1 : 0) | (sample.shadow === null ? 0 : 2);
      chunk.drops[row] = sample.drop === null ? 0 : dropReasons.indexOf(sample.drop) + 1;
      writeLeg(chunk, row * 2, sample.primary);
      if (sample.shadow !== null) writeLeg(chunk, row * 2 + 1, sample.shadow);
    },
    get size() {
      return size;
    },
    get evicted() {
      return evicted;
    },
    *all() {
      for (const chunk of chunks) {
        for (let row = 0; row < chunk.rows; row++) yield readRow(chunk, row);
      }
    },
  };
}

function createChunk(): Chunk {
  return {
    ids: [],
    sessions: [],
    t0: new Float64Array(rowsPerChunk),
    lag: new Float32Array(rowsPerChunk),
    flags: new Uint8Array(rowsPerChunk),
    drops: new Uint8Array(rowsPerChunk),
    numbers: new Float32Array(rowsPerChunk * 2 * numbersPerLeg),
    codes: new Uint8Array(rowsPerChunk * 2 * codesPerLeg),
    rows: 0,
  };
}

function createNames() {
  const names: string[] = [];
  const codes = new Map<string, number>();
  return {
    /** 0 of null, and of a name beyond the limit. */
    codeOf(name: string | null): number {
      if (name === null) return 0;
      const known = codes.get(name);
      if (known !== undefined) return known;
      if (names.length >= maxNames) return 0;
      names.push(name);
      codes.set(name, names.length);
      return names.length;
    },
    nameOf: (code: number): string | null => names[code - 1] ?? null,
  };
}

// A ring of records in shared memory: one thread writes, another reads, and neither waits for the other.
//
// A record consists of units of 16 bytes: a header of one unit, then its bytes.
//   header: leg (4 bytes) │ kind (1), offset (1), length (2) │ arrival (8)
// A record never wraps: a record of kind `skip` fills the rest of the memory before the wrap.

/**
 * The kinds of records. `skip` is internal to the ring. `open`, `data` and `end` are about one answer. The others are about
 * comparing answers: how they are compared, that one begins, a piece of its request, and that nothing more is expected.
 */
export const recordKind = {
  skip: 0,
  open: 1,
  data: 2,
  end: 3,
  settings: 4,
  compare: 5,
  request: 6,
  drop: 7,
} as const;
export type RecordKind = (typeof recordKind)[keyof typeof recordKind];

/** One record. Its bytes are valid until the next one is read. */
export interface RingRecord {
  leg: number;
  kind: RecordKind;
  atMs: number;
  bytes: Uint8Array;
}

const unitBytes = 16;
/** Both positions are at the front, each in its own cache line. */
const headWord = 0;
const tailWord = 16;
const frontBytes = 128;
/** In place of a time: the last piece of a request. */
export const lastPiece: number = 1;
/** Maximum size of one record. */
export const maxRecordBytes: number = 16 * 1024;

/** @param capacityBytes a power of two, several times the longest record */
export function createRingMemory(capacityBytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(frontBytes + capacityBytes);
}

interface Views {
  readonly positions: Int32Array;
  readonly words: Int32Array;
  readonly times: Float64Array;
  readonly bytes: Uint8Array;
  readonly units: number;
}

function viewsOf(memory: SharedArrayBuffer): Views {
  return {
    positions: new Int32Array(memory, 0, frontBytes / 4),
    words: new Int32Array(memory, frontBytes),
    times: new Float64Array(memory, frontBytes),
    bytes: new Uint8Array(memory, frontBytes),
    units: (memory.byteLength - frontBytes) / unitBytes,
  };
}

/** The writing side. */
export class RingWriter {
  readonly #views: Views;
  readonly #reserve: number;
  #head: number;
  /** The last known position; the reader may have advanced. */
  #tail: number;

  /** @param reservedRecords number of records of kind `end` to reserve room for */
  constructor(memory: SharedArrayBuffer, reservedRecords: number) {
    this.#views = viewsOf(memory);
    this.#reserve = reservedRecords;
    this.#head = Atomics.load(this.#views.positions, headWord);
    this.#tail = Atomics.load(this.#views.positions, tailWord);
  }

  /** True if more than a quarter is unread. */
  get isFilling(): boolean {
    const quarter = this.#views.units >> 2;
    if (((this.#head - this.#tail) | 0) <= quarter) return false;
    this.#tail = Atomics.load(this.#views.positions, tailWord);
    return ((this.#head - this.#tail) | 0) > quarter;
  }

  /** Copies one record of at most `maxRecordBytes` into the ring. Returns false if it does not fit. */
  write(leg: number, kind: RecordKind, atMs: number, bytes: Uint8Array = nothing): boolean {
    const views = this.#views;
    const { length } = bytes;
    // Same alignment on both sides: otherwise shared memory is copied byte by byte, which takes 8 times as long.
    const offset = length === 0 ? 0 : bytes.byteOffset & 7;
    const units = length === 0 ? 1 : 1 + ((offset + length + unitBytes - 1) >> 4);
    let at = this.#head & (views.units - 1);
    const skipped = at + units > views.units ? views.units - at : 0;
    if (!this.#hasRoom(skipped + units + (kind === recordKind.end ? 0 : this.#reserve))) {
      return false;
    }
    if (skipped > 0) {
      views.words[at * 4 + 1] = 0;
      at = 0;
    }
    views.words[at * 4] = leg;
    views.words[at * 4 + 1] = (kind << 24) | (offset << 16) | length;
    views.times[at * 2 + 1] = atMs;
    if (length > 0) views.bytes.set(bytes, (at + 1) * unitBytes + offset);
    this.#head = (this.#head + skipped + units) | 0;
    Atomics.store(views.positions, headWord, this.#head);
    return true;
  }

  #hasRoom(units: number): boolean {
    if (((this.#head - this.#tail) | 0) + units <= this.#views.units) return true;
    this.#tail = Atomics.load(this.#views.positions, tailWord);
    return ((this.#head - this.#tail) | 0) + units <= this.#views.units;
  }
}

/** The reading side. */
export class RingReader {
  readonly #views: Views;
  readonly #scratch = new Uint8Array(maxRecordBytes);
  readonly #record: RingRecord = { leg: 0, kind: recordKind.skip, atMs: 0, bytes: nothing };
  #tail: number;

  constructor(memory: SharedArrayBuffer) {
    this.#views = viewsOf(memory);
    this.#tail = Atomics.load(this.#views.positions, tailWord);
  }

  get isEmpty(): boolean {
    return this.#tail === Atomics.load(this.#views.positions, headWord);
  }

  /**
   * Removes the oldest record; undefined if there is none. Overwrites its memory with zeros, so that no answer text is
   * kept.
   */
  read(): RingRecord | undefined {
    const { positions, words, times, bytes, units } = this.#views;
    if (this.isEmpty) return undefined;
    let at = this.#tail & (units - 1);
    if ((words[at * 4 + 1] as number) >>> 24 === recordKind.skip) {
      this.#tail = (this.#tail + units - at) | 0;
      at = 0;
    }
    const shape = words[at * 4 + 1] as number;
    const length = shape & 0xffff;
    const offset = (shape >>> 16) & 0xff;
    const record = this.#record;
    record.leg = words[at * 4] as number;
    record.kind = (shape >>> 24) as RecordKind;
    record.atMs = times[at * 2 + 1] as number;
    record.bytes = length === 0 ? nothing : this.#scratch.subarray(0, length);
    const start = (at + 1) * unitBytes + offset;
    if (length > 0) {
      this.#scratch.set(bytes.subarray(start, start + length));
      bytes.fill(0, start, start + length);
    }
    const taken = length === 0 ? 1 : 1 + ((offset + length + unitBytes - 1) >> 4);
    this.#tail = (this.#tail + taken) | 0;
    Atomics.store(positions, tailWord, this.#tail);
    return record;
  }
}

const nothing = new Uint8Array();

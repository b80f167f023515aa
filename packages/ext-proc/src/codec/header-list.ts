import { ProtocolError } from "@umbra/grpc";
import type { Headers } from "../exchange.ts";
import { readLength, readVarint, skip, type WireReader, wireType } from "./wire.ts";

/**
 * Creates a view of a message's headers, which are decoded on access.
 *
 * A pick needs about ten of a client's headers, and only their values are decoded. `raw_value` takes precedence over
 * `value`. Invalid UTF-8 is replaced in the decoded value only.
 */
export function headerList(bytes: Uint8Array, start: number, end: number): Headers {
  return new HeaderList(bytes, start, end);
}

/**
 * Numbers per header: the offset of its name's length, combined with that length, and the offset of its value's length.
 */
const span = 2;
/** Names of this length or more count as one length. */
const longName = 255;
const perPlace = longName + 1;

class HeaderList implements Headers {
  readonly #bytes: Buffer;
  readonly #places: number[] = [];
  /** A bit per name length, modulo 32. Most requested names are missing, and this avoids a search for them. */
  #lengths = 0;
  #whole: Map<string, string> | undefined = undefined;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const reader = { bytes, at: start };
    while (reader.at < end) {
      const tag = readVarint(reader);
      if (tag === tagOfHeaders)
        this.#lengths |= readHeader(reader, readLength(reader, end), this.#places);
      else skip(reader, tag & 7, end);
    }
    if (reader.at > end) throw new ProtocolError("the message ends within a field");
  }

  get(name: string): string | undefined {
    const at = this.#find(name);
    return at < 0 ? undefined : this.#value(at);
  }

  has(name: string): boolean {
    return this.#find(name) >= 0;
  }

  get size(): number {
    return this.#all.size;
  }

  entries(): MapIterator<[string, string]> {
    return this.#all.entries();
  }

  keys(): MapIterator<string> {
    return this.#all.keys();
  }

  values(): MapIterator<string> {
    return this.#all.values();
  }

  [Symbol.iterator](): MapIterator<[string, string]> {
    return this.#all.entries();
  }

  forEach(
    take: (value: string, name: string, headers: ReadonlyMap<string, string>) => void,
    self?: unknown,
  ): void {
    for (const [name, value] of this.#all) take.call(self, value, name, this);
  }

  /** Finds a header by name; the first one of a repeated name. */
  #find(name: string): number {
    const { length } = name;
    if ((this.#lengths & (1 << (length & 31))) === 0) return -1;
    const bytes = this.#bytes;
    const places = this.#places;
    const shown = Math.min(length, longName);
    for (let at = 0; at < places.length; at += span) {
      const key = places[at] as number;
      if (key % perPlace !== shown) continue;
      const place = Math.floor(key / perPlace);
      if (length === 0 || length > longestShort) {
        if (this.#text(place) === name) return at;
        continue;
      }
      const start = bytes[place] === length ? place + 1 : this.#start(place);
      let i = 0;
      while (i < length && bytes[start + i] === name.charCodeAt(i)) i++;
      if (i === length) return at;
    }
    return -1;
  }

  #value(at: number): string {
    return this.#text(this.#places[at + 1] as number);
  }

  /** Decodes the text whose length is at `place`. */
  #text(place: number): string {
    if (place === absent) return "";
    const reader = { bytes: this.#bytes, at: place };
    const end = readLength(reader, this.#bytes.length);
    return this.#bytes.toString("utf8", reader.at, end);
  }

  #start(place: number): number {
    const reader = { bytes: this.#bytes, at: place };
    readVarint(reader);
    return reader.at;
  }

  /** All headers as a map, for iteration, which picks do not need. */
  get #all(): Map<string, string> {
    this.#whole ??= this.#decoded();
    return this.#whole;
  }

  #decoded(): Map<string, string> {
    const whole = new Map<string, string>();
    for (let at = 0; at < this.#places.length; at += span) {
      const name = this.#text(Math.floor((this.#places[at] as number) / perPlace));
      if (!whole.has(name)) whole.set(name, this.#value(at));
    }
    return whole;
  }
}

/** `HeaderMap.headers`, `HeaderValue.key`, `value` and `raw_value`, each with its wire type. */
const tagOfHeaders = (1 << 3) | wireType.bytes;
const tagOfKey = (1 << 3) | wireType.bytes;
const tagOfValue = (2 << 3) | wireType.bytes;
const tagOfRawValue = (3 << 3) | wireType.bytes;

/** Marks a missing name or value. */
const absent = -1;
/** Longest length that is encoded in one byte. */
const longestShort = 127;

/** Reads one header. Returns the bit of the name's length. */
function readHeader(reader: WireReader, end: number, places: number[]): number {
  let keyAt = absent;
  let keyLength = 0;
  let valueAt = absent;
  let isRaw = false;
  while (reader.at < end) {
    const tag = readVarint(reader);
    const at = reader.at;
    if (tag === tagOfKey) {
      const to = readLength(reader, end);
      keyAt = at;
      keyLength = to - reader.at;
      reader.at = to;
    } else if (tag === tagOfRawValue || tag === tagOfValue) {
      const valueIsRaw = tag === tagOfRawValue;
      const to = readLength(reader, end);
      if (valueIsRaw ? to > reader.at : !isRaw) {
        valueAt = at;
        isRaw = valueIsRaw;
      }
      reader.at = to;
    } else skip(reader, tag & 7, end);
  }
  if (reader.at > end) throw new ProtocolError("the message ends within a field");
  places.push(keyAt * perPlace + Math.min(keyLength, longName), valueAt);
  return 1 << (keyLength & 31);
}

import type { Headers } from "../exchange.ts";
import { ProtocolError } from "../protocol-error.ts";
import { readLength, readVarint, skip, type WireReader, wireType } from "./wire.ts";

/**
 * Headers of a message, read when they are asked for.
 *
 * A pick asks for some ten names of all that a client sends: only their values become strings. `raw_value` wins over
 * `value`; bytes that are no UTF-8 are replaced, in this copy only.
 */
export function headerList(bytes: Uint8Array, start: number, end: number): Headers {
  return new HeaderList(bytes, start, end);
}

/** Four numbers a header: where its name and its value begin and end. */
const span = 4;

class HeaderList implements Headers {
  readonly #bytes: Buffer;
  readonly #spans: number[] = [];
  #whole: Map<string, string> | undefined;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const reader = { bytes, at: start };
    while (reader.at < end) {
      const tag = readVarint(reader);
      if (tag === tagOfHeaders) readHeader(reader, readLength(reader, end), this.#spans);
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

  /** Of a repeated name the first. */
  #find(name: string): number {
    const bytes = this.#bytes;
    const spans = this.#spans;
    const { length } = name;
    for (let at = 0; at < spans.length; at += span) {
      const start = spans[at] ?? 0;
      if ((spans[at + 1] ?? 0) - start !== length) continue;
      let i = 0;
      while (i < length && bytes[start + i] === name.charCodeAt(i)) i++;
      if (i === length) return at;
    }
    return -1;
  }

  #value(at: number): string {
    return this.#bytes.toString("utf8", this.#spans[at + 2], this.#spans[at + 3]);
  }

  get #all(): Map<string, string> {
    if (this.#whole !== undefined) return this.#whole;
    const whole = new Map<string, string>();
    for (let at = 0; at < this.#spans.length; at += span) {
      const name = this.#bytes.toString("utf8", this.#spans[at], this.#spans[at + 1]);
      if (!whole.has(name)) whole.set(name, this.#value(at));
    }
    this.#whole = whole;
    return whole;
  }
}

/** `HeaderMap.headers`, `HeaderValue.key`, `value` and `raw_value`, each with its wire type. */
const tagOfHeaders = (1 << 3) | wireType.bytes;
const tagOfKey = (1 << 3) | wireType.bytes;
const tagOfValue = (2 << 3) | wireType.bytes;
const tagOfRawValue = (3 << 3) | wireType.bytes;

function readHeader(reader: WireReader, end: number, spans: number[]): void {
  let keyStart = 0;
  let keyEnd = 0;
  let valueStart = 0;
  let valueEnd = 0;
  let isRaw = false;
  while (reader.at < end) {
    const tag = readVarint(reader);
    if (tag === tagOfKey) {
      keyEnd = readLength(reader, end);
      keyStart = reader.at;
      reader.at = keyEnd;
    } else if (tag === tagOfRawValue || tag === tagOfValue) {
      const valueIsRaw = tag === tagOfRawValue;
      const to = readLength(reader, end);
      if (valueIsRaw ? to > reader.at : !isRaw) {
        valueStart = reader.at;
        valueEnd = to;
        isRaw = valueIsRaw;
      }
      reader.at = to;
    } else skip(reader, tag & 7, end);
  }
  if (reader.at > end) throw new ProtocolError("the message ends within a field");
  spans.push(keyStart, keyEnd, valueStart, valueEnd);
}

import { ProtocolError } from "@umbra/grpc";
import { readLength, readVarint, skip, type WireReader, wireType } from "./wire.ts";

/** Facts from Envoy's gRPC access log about one HTTP request that are needed for endpoint health. */
export interface AccessLogEntry {
  /** `ip:port` of the endpoint that was tried last; empty if none was. */
  readonly upstreamAddress: string;
  /** Number of attempts; 0 if there was none or Envoy does not report it. */
  readonly attempts: number;
  /** HTTP status; 0 if no answer was sent. */
  readonly status: number;
  /** Response code details: `via_upstream` if the endpoint answered. */
  readonly details: string;
  readonly requestId: string;
  /** Bit set of Envoy's `ResponseFlags`, by field number. */
  readonly flags: number;
  /** A request header that the access log is configured to add. */
  header(name: string): string | undefined;
}

/** Field numbers of the `ResponseFlags` that are used. */
export const responseFlag = {
  upstreamRequestTimeout: 3,
  upstreamRemoteReset: 5,
  upstreamConnectionFailure: 6,
  upstreamConnectionTermination: 7,
  downstreamConnectionTermination: 15,
  streamIdleTimeout: 17,
  downstreamProtocolError: 19,
  upstreamMaxStreamDurationReached: 20,
  upstreamProtocolError: 24,
  downstreamRemoteReset: 28,
} as const;

/**
 * Reads one `StreamAccessLogsMessage`, entry by entry; logs of TCP connections are skipped.
 *
 * @throws ProtocolError if the bytes are not a valid message
 */
export function readAccessLog(bytes: Uint8Array, take: (entry: AccessLogEntry) => void): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const reader = { bytes: buffer, at: 0, host: "", port: -1, entriesLeft: maxEntries };
  eachField(reader, buffer.length, take, readMessage);
}

/** Most entries per message. Envoy sends 64 KiB at once, a few hundred entries. */
const maxEntries = 10_000;
/** Longest text; longer ones are truncated. Meaningful texts are shorter. */
const longestText = 1_024;
/** Most headers kept per entry. */
const mostHeaders = 8;

class Entry implements AccessLogEntry {
  upstreamAddress = "";
  attempts = 0;
  status = 0;
  details = "";
  requestId = "";
  flags = 0;
  /** Names and values, alternating. */
  readonly headers: string[] = [];

  header(name: string): string | undefined {
    for (let i = 0; i < this.headers.length; i += 2) {
      if (this.headers[i] === name) return this.headers[i + 1];
    }
    return undefined;
  }
}

interface LogReader extends WireReader {
  readonly bytes: Buffer;
  /** Host of the address being read. */
  host: string;
  port: number;
  entriesLeft: number;
}

/** Reads one field. `value` is the number of a varint; for other fields, the offset of their end. */
type ReadField<T> = (into: T, tag: number, value: number, reader: LogReader) => void;

/** Iterates over the fields of a message. There are about fifty per request, so the readers are created once. */
function eachField<T>(reader: LogReader, end: number, into: T, read: ReadField<T>): void {
  while (reader.at < end) {
    const tag = readVarint(reader);
    const type = tag & 7;
    if (type === wireType.bytes) {
      const to = readLength(reader, end);
      read(into, tag, to, reader);
      reader.at = to;
    } else if (type === wireType.varint) read(into, tag, readVarint(reader), reader);
    else skip(reader, type, end);
  }
  if (reader.at > end) throw new ProtocolError("the message ends within a field");
}

/** Tag of a field with a length. */
const long = (number: number) => number * 8 + wireType.bytes;
const short = (number: number) => number * 8 + wireType.varint;
const messageTag = { httpLogs: long(2) } as const;
const logTag = { entry: long(1) } as const;
const entryTag = { common: long(1), request: long(3), response: long(4) } as const;
const commonTag = { address: long(13), flags: long(16), attempts: short(24) } as const;
const addressTag = { socket: long(1) } as const;
const socketTag = { host: long(2), port: short(3) } as const;
const requestTag = { id: long(9), header: long(13) } as const;
const headerTag = { name: long(1), value: long(2) } as const;
const responseTag = { code: long(1), details: long(6) } as const;
const wrappedTag = short(1);

type Take = (entry: AccessLogEntry) => void;

const readMessage: ReadField<Take> = (take, tag, value, reader) => {
  if (tag === messageTag.httpLogs) eachField(reader, value, take, readLog);
};

const readLog: ReadField<Take> = (take, tag, value, reader) => {
  if (tag !== logTag.entry) return;
  if (--reader.entriesLeft < 0) throw new ProtocolError(`more than ${maxEntries} entries`);
  const entry = new Entry();
  eachField(reader, value, entry, readEntry);
  take(entry);
};

const readEntry: ReadField<Entry> = (entry, tag, value, reader) => {
  if (tag === entryTag.common) eachField(reader, value, entry, readCommon);
  else if (tag === entryTag.request) eachField(reader, value, entry, readRequest);
  else if (tag === entryTag.response) eachField(reader, value, entry, readResponse);
};

const readCommon: ReadField<Entry> = (entry, tag, value, reader) => {
  if (tag === commonTag.attempts) entry.attempts = value;
  else if (tag === commonTag.flags) eachField(reader, value, entry, readFlag);
  else if (tag === commonTag.address) {
    reader.host = "";
    reader.port = -1;
    eachField(reader, value, entry, readAddress);
    const { host, port } = reader;
    if (host === "" || port < 0) entry.upstreamAddress = "";
    else entry.upstreamAddress = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  }
};

/** Reads an `Address` if it is a `SocketAddress` with a port number; ignores others. */
const readAddress: ReadField<Entry> = (entry, tag, value, reader) => {
  if (tag === addressTag.socket) eachField(reader, value, entry, readSocket);
};

const readSocket: ReadField<Entry> = (_, tag, value, reader) => {
  if (tag === socketTag.host) reader.host = lastHost.at(reader, value);
  else if (tag === socketTag.port) reader.port = value;
};

const readFlag: ReadField<Entry> = (entry, tag, value) => {
  const number = tag >>> 3;
  if (tag === short(number) && value !== 0 && number < 32) entry.flags |= 1 << number;
};

const readRequest: ReadField<Entry> = (entry, tag, value, reader) => {
  if (tag === requestTag.id) entry.requestId = textAt(reader, value);
  else if (tag === requestTag.header && entry.headers.length < 2 * mostHeaders) {
    entry.headers.push("", "");
    eachField(reader, value, entry.headers, readHeader);
  }
};

const readHeader: ReadField<string[]> = (headers, tag, value, reader) => {
  if (tag === headerTag.name) headers[headers.length - 2] = lastHeaderName.at(reader, value);
  else if (tag === headerTag.value) headers[headers.length - 1] = textAt(reader, value);
};

const readResponse: ReadField<Entry> = (entry, tag, value, reader) => {
  if (tag === responseTag.code) eachField(reader, value, entry, readStatus);
  else if (tag === responseTag.details) entry.details = lastDetails.at(reader, value);
};

/** Reads a `UInt32Value`. */
const readStatus: ReadField<Entry> = (entry, tag, value) => {
  if (tag === wrappedTag) entry.status = value;
};

/** A text that is the same in most entries: made again only where it differs from the one before. */
class RepeatedText {
  #last = "";

  at(reader: LogReader, end: number): string {
    if (!this.#isAt(reader, end)) this.#last = textAt(reader, end);
    return this.#last;
  }

  /** Bytes that are no ASCII equal no character code, so that such texts are decoded. */
  #isAt({ bytes, at }: LogReader, end: number): boolean {
    const last = this.#last;
    if (end - at !== last.length) return false;
    for (let i = 0; i < last.length; i++) {
      const byte = bytes[at + i] as number;
      if (byte > 127 || byte !== last.charCodeAt(i)) return false;
    }
    return true;
  }
}

const lastHost = new RepeatedText();
const lastHeaderName = new RepeatedText();
const lastDetails = new RepeatedText();

function textAt({ bytes, at }: LogReader, end: number): string {
  return bytes.toString("utf8", at, Math.min(end, at + longestText));
}

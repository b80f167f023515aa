import { ProtocolError } from "@umbra/grpc";
import { readLength, readVarint, skip, type WireReader, wireType } from "./wire.ts";

/** What Envoy's gRPC access log says of one HTTP request, as far as an endpoint's health needs it. */
export interface AccessLogEntry {
  /** Of the endpoint that was tried last: `ip:port`; empty where none was. */
  readonly upstreamAddress: string;
  /** Name of its cluster, with dots replaced where the cluster has an `alt_stat_name`. */
  readonly upstreamCluster: string;
  /** Attempts at endpoints; 0 where there was none, or Envoy does not say. */
  readonly attempts: number;
  /** 0 where no answer was sent. */
  readonly status: number;
  /** Why the answer is what it is: `via_upstream` where the endpoint has answered. */
  readonly details: string;
  readonly requestId: string;
  /** A bit for each field of Envoy's `ResponseFlags` that is set, by its number. */
  readonly flags: number;
  /** Of the request's headers that the access log was told to add. */
  header(name: string): string | undefined;
}

/** Numbers of the `ResponseFlags` that matter here. */
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
 * @throws ProtocolError when the bytes are no such message
 */
export function readAccessLog(bytes: Uint8Array, take: (entry: AccessLogEntry) => void): void {
  const reader = { bytes, at: 0 };
  eachField(reader, bytes.length, (number, end) => {
    if (number !== messageField.httpLogs) return;
    eachField(reader, end, (inner, to) => {
      if (inner === 1) take(new Entry(reader, to));
    });
  });
}

const messageField = { httpLogs: 2 } as const;
const entryField = { common: 1, request: 3, response: 4 } as const;
const commonField = { remoteAddress: 13, cluster: 15, flags: 16, attempts: 24 } as const;
const requestField = { requestId: 9, headers: 13 } as const;
const responseField = { code: 1, details: 6 } as const;

/** Longer texts are cut: none that means anything is. */
const longestText = 1_024;
/** Headers kept of one entry. */
const mostHeaders = 8;

class Entry implements AccessLogEntry {
  upstreamAddress = "";
  upstreamCluster = "";
  attempts = 0;
  status = 0;
  details = "";
  requestId = "";
  flags = 0;
  /** Names and values in turn. */
  readonly #headers: string[] = [];

  constructor(reader: WireReader, end: number) {
    eachField(reader, end, (number, to) => {
      if (number === entryField.common) this.#readCommon(reader, to);
      else if (number === entryField.request) this.#readRequest(reader, to);
      else if (number === entryField.response) this.#readResponse(reader, to);
    });
  }

  header(name: string): string | undefined {
    for (let i = 0; i < this.#headers.length; i += 2) {
      if (this.#headers[i] === name) return this.#headers[i + 1];
    }
    return undefined;
  }

  #readCommon(reader: WireReader, end: number): void {
    const take = (number: number, to: number) => {
      if (number === commonField.remoteAddress) this.upstreamAddress = readAddress(reader, to);
      else if (number === commonField.cluster) this.upstreamCluster = textAt(reader, to);
      else if (number === commonField.flags) this.flags = readFlags(reader, to);
    };
    eachField(reader, end, take, (number, value) => {
      if (number === commonField.attempts) this.attempts = value;
    });
  }

  #readRequest(reader: WireReader, end: number): void {
    eachField(reader, end, (number, to) => {
      if (number === requestField.requestId) this.requestId = textAt(reader, to);
      else if (number === requestField.headers && this.#headers.length < 2 * mostHeaders) {
        let name = "";
        let value = "";
        eachField(reader, to, (inner, stop) => {
          if (inner === 1) name = textAt(reader, stop);
          else if (inner === 2) value = textAt(reader, stop);
        });
        this.#headers.push(name, value);
      }
    });
  }

  #readResponse(reader: WireReader, end: number): void {
    eachField(reader, end, (number, to) => {
      if (number === responseField.code) this.status = readWrapped(reader, to);
      else if (number === responseField.details) this.details = textAt(reader, to);
    });
  }
}

/** Goes through the fields of a message: `take` gets those with a length, `number` those that are varints. */
function eachField(
  reader: WireReader,
  end: number,
  take: (number: number, end: number) => void,
  takeNumber?: (number: number, value: number) => void,
): void {
  while (reader.at < end) {
    const tag = readVarint(reader);
    const type = tag & 7;
    if (type === wireType.bytes) {
      const to = readLength(reader, end);
      take(tag >>> 3, to);
      reader.at = to;
    } else if (type === wireType.varint && takeNumber !== undefined) {
      takeNumber(tag >>> 3, readVarint(reader));
    } else skip(reader, type, end);
  }
  if (reader.at > end) throw new ProtocolError("the message ends within a field");
}

function textAt({ bytes, at }: WireReader, end: number): string {
  const to = Math.min(end, at + longestText);
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, to - at).toString("utf8");
}

function ignore(): void {}

/** A `UInt32Value`. */
function readWrapped(reader: WireReader, end: number): number {
  let read = 0;
  eachField(reader, end, ignore, (number, value) => {
    if (number === 1) read = value;
  });
  return read;
}

function readFlags(reader: WireReader, end: number): number {
  let flags = 0;
  eachField(reader, end, ignore, (number, value) => {
    if (value !== 0 && number < 32) flags |= 1 << number;
  });
  return flags;
}

/** An `Address` that is a `SocketAddress` with a port's number; empty for any other. */
function readAddress(reader: WireReader, end: number): string {
  let host = "";
  let port = -1;
  eachField(reader, end, (number, to) => {
    if (number !== 1) return;
    eachField(
      reader,
      to,
      (inner, stop) => {
        if (inner === 2) host = textAt(reader, stop);
      },
      (inner, value) => {
        if (inner === 3) port = value;
      },
    );
  });
  if (host === "" || port < 0) return "";
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

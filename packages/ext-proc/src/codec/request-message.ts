import { fromBinary } from "@bufbuild/protobuf";
import { ProtocolError } from "@umbra/grpc";
import type { Headers } from "../exchange.ts";
import { ProcessingMode_BodySendMode as BodySendMode } from "../gen/envoy/extensions/filters/http/ext_proc/v3/processing_mode_pb.ts";
import { ProcessingRequestSchema } from "../gen/envoy/service/ext_proc/v3/external_processor_pb.ts";
import { headerList } from "./header-list.ts";
import { readLength, readVarint, skip, type WireReader, wireType } from "./wire.ts";

/**
 * A ProcessingRequest. Decoded by hand because it is on the hot path: headers and bodies are views of the message;
 * metadata and attributes are decoded on access.
 */
export interface RequestMessage {
  /** Which part of the HTTP request or its answer this is; undefined for an unknown part. */
  readonly part: MessagePart | undefined;
  /** Headers or trailers, for those parts. */
  readonly headers: Headers;
  /** Body, for body parts: a view of the message. */
  readonly body: Uint8Array;
  readonly endOfStream: boolean;
  /** Whether the message is a copy that needs no answer. */
  readonly isCopy: boolean;
  /** Configured body modes of the filter; only in the first message of a stream. */
  readonly bodyModes: BodyModes | undefined;
  /** Dynamic metadata forwarded by the filter: a plain object per namespace. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Attributes sent by the filter, as text. */
  readonly attributes: ReadonlyMap<string, string>;
}

export type MessagePart =
  | "requestHeaders"
  | "responseHeaders"
  | "requestBody"
  | "responseBody"
  | "requestTrailers"
  | "responseTrailers";

export interface BodyModes {
  readonly request: BodySendMode;
  readonly response: BodySendMode;
}

/** Decodes one message. Throws ProtocolError if it is not a valid ProcessingRequest. */
export function readRequestMessage(bytes: Uint8Array): RequestMessage {
  return new Message(bytes);
}

/** `ProcessingRequest.request`, by field number. */
const parts: readonly (MessagePart | undefined)[] = [
  undefined,
  undefined,
  "requestHeaders",
  "responseHeaders",
  "requestBody",
  "responseBody",
  "requestTrailers",
  "responseTrailers",
];
const field = { metadata: 8, attributes: 9, observabilityMode: 10, protocolConfig: 11 } as const;

const noBytes = new Uint8Array();

class Message implements RequestMessage {
  part: MessagePart | undefined = undefined;
  body: Uint8Array = noBytes;
  endOfStream = false;
  isCopy = false;
  bodyModes: BodyModes | undefined = undefined;
  readonly #bytes: Uint8Array;
  #headersStart = 0;
  #headersEnd = 0;
  #headers: Headers | undefined = undefined;
  /** Start and end of each field, including its tag, that is left to the generated code. */
  #rest: number[] | undefined = undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    const reader = { bytes, at: 0 };
    const end = bytes.length;
    while (reader.at < end) {
      const start = reader.at;
      const tag = readVarint(reader);
      const number = tag >>> 3;
      if ((tag & 7) !== wireType.bytes) {
        if (tag === field.observabilityMode << 3) this.isCopy = readVarint(reader) !== 0;
        else skip(reader, tag & 7, end);
        continue;
      }
      const to = readLength(reader, end);
      const part = parts[number];
      if (part !== undefined) this.#readPart(part, reader, to);
      else if (number === field.protocolConfig) this.bodyModes = readBodyModes(reader, to);
      else if (number === field.metadata || number === field.attributes) {
        this.#rest ??= [];
        this.#rest.push(start, to);
      }
      reader.at = to;
    }
  }

  get headers(): Headers {
    this.#headers ??= headerList(this.#bytes, this.#headersStart, this.#headersEnd);
    return this.#headers;
  }

  get metadata(): Readonly<Record<string, unknown>> {
    return this.#decodeRest()?.metadataContext?.filterMetadata ?? {};
  }

  get attributes(): ReadonlyMap<string, string> {
    const read = new Map<string, string>();
    // They are sent as one struct per filter; their values are used as text.
    for (const struct of Object.values(this.#decodeRest()?.attributes ?? {})) {
      for (const [name, value] of Object.entries(struct)) {
        if (typeof value === "string" || typeof value === "number") read.set(name, String(value));
      }
    }
    return read;
  }

  /** Headers and trailers: their map is field 1. Bodies: the bytes are. */
  #readPart(part: MessagePart, reader: WireReader, end: number): void {
    this.part = part;
    this.endOfStream = false;
    this.body = noBytes;
    this.#headersStart = 0;
    this.#headersEnd = 0;
    const isBody = part === "requestBody" || part === "responseBody";
    const tagOfEnd = (isBody ? 2 : 3) << 3;
    while (reader.at < end) {
      const tag = readVarint(reader);
      if (tag === ((1 << 3) | wireType.bytes)) {
        const to = readLength(reader, end);
        if (isBody) this.body = this.#bytes.subarray(reader.at, to);
        else {
          this.#headersStart = reader.at;
          this.#headersEnd = to;
        }
        reader.at = to;
      } else if (tag === tagOfEnd) this.endOfStream = readVarint(reader) !== 0;
      else skip(reader, tag & 7, end);
    }
    if (reader.at > end) throw new ProtocolError("the message ends within a field");
  }

  #decodeRest() {
    if (this.#rest === undefined) return undefined;
    const pieces: Uint8Array[] = [];
    for (let i = 0; i < this.#rest.length; i += 2) {
      pieces.push(this.#bytes.subarray(this.#rest[i], this.#rest[i + 1]));
    }
    const [first] = pieces;
    try {
      return fromBinary(
        ProcessingRequestSchema,
        pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces),
      );
    } catch (cause) {
      throw new ProtocolError("the message's metadata can't be read", { cause });
    }
  }
}

function readBodyModes(reader: WireReader, end: number): BodyModes {
  let request: BodySendMode = BodySendMode.NONE;
  let response: BodySendMode = BodySendMode.NONE;
  while (reader.at < end) {
    const tag = readVarint(reader);
    if (tag === 1 << 3) request = readMode(reader);
    else if (tag === 2 << 3) response = readMode(reader);
    else skip(reader, tag & 7, end);
  }
  return { request, response };
}

/** Reads a mode. Unknown values are kept: the protocol has a rule for them. */
function readMode(reader: WireReader): BodySendMode {
  return readVarint(reader) as BodySendMode;
}

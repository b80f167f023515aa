import { type StatusCode, statusCode } from "./method.ts";

/** The client violated gRPC's framing or a limit. */
export class FramingError extends Error {
  override readonly name = "FramingError";
  readonly code: StatusCode;

  constructor(code: StatusCode, message: string) {
    super(message);
    this.code = code;
  }
}

export const prefixBytes = 5;

/** First allocation for a message. Most messages fit; more is allocated only as data arrives. */
const firstRoomBytes = 256 * 1024;

/** Memory limit for incomplete messages of all calls together. */
export interface MessageRoom {
  /** Reserves bytes. Returns false, and reserves nothing, if there is no room. */
  take(bytes: number): boolean;
  giveBack(bytes: number): void;
}

/** Receives complete messages. */
export interface MessageSink {
  onMessage(message: Buffer): void;
}

/**
 * Splits a call's bytes into messages. gRPC's framing is a flag, a length of four bytes, and the message.
 *
 * A class, because one is created per call and its methods must not be.
 */
export class MessageReader {
  readonly #maxMessageBytes: number;
  readonly #sink: MessageSink;
  readonly #room: MessageRoom | undefined;
  /** Part of a prefix that is split over chunks. */
  #prefix: Buffer | undefined = undefined;
  #prefixHas = 0;
  /**
   * A message that arrives in pieces. At first only part of it is allocated, because the rest has only been announced.
   */
  #message: Buffer | undefined = undefined;
  #messageHas = 0;
  #messageBytes = 0;

  constructor(maxMessageBytes: number, sink: MessageSink, room?: MessageRoom) {
    this.#maxMessageBytes = maxMessageBytes;
    this.#sink = sink;
    this.#room = room;
  }

  /** Releases an incomplete message when the call ends. */
  release(): void {
    if (this.#message !== undefined) this.#room?.giveBack(this.#message.length);
    this.#message = undefined;
  }

  /** True between two messages. */
  get isAtBoundary(): boolean {
    return this.#message === undefined && this.#prefixHas === 0;
  }

  /** Reads a chunk and passes on every complete message. Throws FramingError. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#message !== undefined) {
        at += this.#fill(this.#message, chunk, at);
        continue;
      }
      let length: number;
      if (this.#prefixHas === 0 && chunk.length - at >= prefixBytes) {
        length = this.#lengthIn(chunk, at);
        at += prefixBytes;
      } else {
        this.#prefix ??= Buffer.allocUnsafe(prefixBytes);
        const copied = chunk.copy(
          this.#prefix,
          this.#prefixHas,
          at,
          at + prefixBytes - this.#prefixHas,
        );
        this.#prefixHas += copied;
        at += copied;
        if (this.#prefixHas < prefixBytes) return;
        this.#prefixHas = 0;
        length = this.#lengthIn(this.#prefix, 0);
      }
      if (chunk.length - at >= length) {
        at += length;
        this.#sink.onMessage(chunk.subarray(at - length, at));
      } else {
        this.#message = this.#allocated(Math.min(length, firstRoomBytes));
        this.#messageHas = 0;
        this.#messageBytes = length;
      }
    }
  }

  /** Copies bytes into the message. Returns how many. */
  #fill(message: Buffer, chunk: Buffer, at: number): number {
    const wanted = Math.min(this.#messageBytes - this.#messageHas, chunk.length - at);
    const into = this.#roomFor(message, this.#messageHas + wanted);
    chunk.copy(into, this.#messageHas, at, at + wanted);
    this.#messageHas += wanted;
    if (this.#messageHas === this.#messageBytes) {
      this.release();
      this.#sink.onMessage(into);
    }
    return wanted;
  }

  /**
   * Grows to four times the received bytes, at most to the message's length, so that large messages are copied once or
   * twice.
   */
  #roomFor(message: Buffer, bytes: number): Buffer {
    if (bytes <= message.length) return message;
    const larger = this.#allocated(Math.min(this.#messageBytes, 4 * bytes));
    message.copy(larger, 0, 0, this.#messageHas);
    this.#room?.giveBack(message.length);
    this.#message = larger;
    return larger;
  }

  /** Allocates memory. Throws if there is no room. */
  #allocated(bytes: number): Buffer {
    if (this.#room?.take(bytes) !== false) return Buffer.allocUnsafe(bytes);
    throw new FramingError(statusCode.resourceExhausted, "too many messages are being read");
  }

  /** Reads a complete prefix. Returns the message's length. */
  #lengthIn(bytes: Buffer, at: number): number {
    if (bytes[at] !== 0) {
      const isCompressed = bytes[at] === 1;
      const words = isCompressed ? "is compressed" : "does not start with a gRPC prefix";
      throw new FramingError(statusCode.internal, `a message ${words}`);
    }
    const length = bytes.readUInt32BE(at + 1);
    if (length > this.#maxMessageBytes) {
      const words = `a message has ${length} bytes, more than the limit of ${this.#maxMessageBytes}`;
      throw new FramingError(statusCode.resourceExhausted, words);
    }
    return length;
  }
}

import { type StatusCode, statusCode } from "./method.ts";

/** The client has broken gRPC's framing, or a limit. */
export class FramingError extends Error {
  override readonly name = "FramingError";
  readonly code: StatusCode;

  constructor(code: StatusCode, message: string) {
    super(message);
    this.code = code;
  }
}

export const prefixBytes = 5;

/** Most messages fit; of longer ones no more is believed before it comes. */
const firstRoomBytes = 256 * 1024;

/** Memory for messages that are not whole yet, of all calls together. */
export interface MessageRoom {
  /** False where there is no room for so many bytes more; nothing is taken then. */
  take(bytes: number): boolean;
  giveBack(bytes: number): void;
}

/** Takes messages as they become whole. */
export interface MessageSink {
  onMessage(message: Buffer): void;
}

/**
 * Cuts a call's bytes into messages: gRPC's framing of a flag, a length of four bytes, and the message.
 *
 * A class: one is made for each call, and its methods are made once.
 */
export class MessageReader {
  readonly #maxMessageBytes: number;
  readonly #sink: MessageSink;
  readonly #room: MessageRoom | undefined;
  /** A prefix that is split. */
  #prefix: Buffer | undefined = undefined;
  #prefixHas = 0;
  /** A message that comes in pieces: at first room for some of it, as what it announces is not here yet. */
  #message: Buffer | undefined = undefined;
  #messageHas = 0;
  #messageBytes = 0;

  constructor(maxMessageBytes: number, sink: MessageSink, room?: MessageRoom) {
    this.#maxMessageBytes = maxMessageBytes;
    this.#sink = sink;
    this.#room = room;
  }

  /** Lets go of a message that is not whole: the call is over. */
  release(): void {
    if (this.#message !== undefined) this.#room?.giveBack(this.#message.length);
    this.#message = undefined;
  }

  /** True between two messages. */
  get isAtBoundary(): boolean {
    return this.#message === undefined && this.#prefixHas === 0;
  }

  /** Takes what has come; hands on every message that is whole. Throws FramingError. */
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

  /** Returns how many bytes it has taken. */
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

  /** Grows to four times what has come, and no further than the message is long: large ones are copied once or twice. */
  #roomFor(message: Buffer, bytes: number): Buffer {
    if (bytes <= message.length) return message;
    const larger = this.#allocated(Math.min(this.#messageBytes, 4 * bytes));
    message.copy(larger, 0, 0, this.#messageHas);
    this.#room?.giveBack(message.length);
    this.#message = larger;
    return larger;
  }

  /** Throws where there is no room. */
  #allocated(bytes: number): Buffer {
    if (this.#room?.take(bytes) !== false) return Buffer.allocUnsafe(bytes);
    throw new FramingError(statusCode.resourceExhausted, "too many messages are being read");
  }

  /** Reads a whole prefix; returns the message's length. */
  #lengthIn(bytes: Buffer, at: number): number {
    if (bytes[at] !== 0) {
      const isCompressed = bytes[at] === 1;
      const words = isCompressed ? "is compressed" : "begins with no gRPC prefix";
      throw new FramingError(statusCode.internal, `a message ${words}`);
    }
    const length = bytes.readUInt32BE(at + 1);
    if (length > this.#maxMessageBytes) {
      const words = `a message has ${length} bytes, and at most ${this.#maxMessageBytes} are taken`;
      throw new FramingError(statusCode.resourceExhausted, words);
    }
    return length;
  }
}

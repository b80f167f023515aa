import { type StatusCode, statusCode } from "../transport.ts";

/** Cuts a call's bytes into messages: gRPC's framing of a flag, a length of four bytes, and the message. */
export interface MessageReader {
  /** Takes what has come; calls back with every message that is whole. Throws FramingError. */
  push(chunk: Buffer): void;
  /** True between two messages. */
  readonly isAtBoundary: boolean;
}

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

export function createMessageReader(
  maxMessageBytes: number,
  onMessage: (message: Buffer, isCompressed: boolean) => void,
): MessageReader {
  /** Of a prefix that is split. */
  const prefix = Buffer.allocUnsafe(prefixBytes);
  let prefixHas = 0;
  /** A message that comes in pieces: room for all of it from the beginning, so that nothing is copied twice. */
  let message: Buffer | undefined;
  let messageHas = 0;
  let isCompressed = false;

  /** Reads a whole prefix; returns the message's length. */
  function lengthIn(bytes: Buffer, at: number): number {
    const flag = bytes[at];
    if (flag !== 0 && flag !== 1) {
      throw new FramingError(statusCode.internal, "a message begins with no gRPC prefix");
    }
    isCompressed = flag === 1;
    const length = bytes.readUInt32BE(at + 1);
    if (length > maxMessageBytes) {
      const words = `a message has ${length} bytes, and at most ${maxMessageBytes} are taken`;
      throw new FramingError(statusCode.resourceExhausted, words);
    }
    return length;
  }

  return {
    get isAtBoundary() {
      return message === undefined && prefixHas === 0;
    },
    push(chunk) {
      let at = 0;
      while (at < chunk.length) {
        if (message === undefined) {
          let length: number;
          if (prefixHas === 0 && chunk.length - at >= prefixBytes) {
            length = lengthIn(chunk, at);
            at += prefixBytes;
          } else {
            const copied = chunk.copy(prefix, prefixHas, at, at + prefixBytes - prefixHas);
            prefixHas += copied;
            at += copied;
            if (prefixHas < prefixBytes) return;
            prefixHas = 0;
            length = lengthIn(prefix, 0);
          }
          if (chunk.length - at >= length) {
            const whole = chunk.subarray(at, at + length);
            at += length;
            onMessage(whole, isCompressed);
            continue;
          }
          message = Buffer.allocUnsafe(length);
          messageHas = 0;
        }
        const copied = chunk.copy(message, messageHas, at);
        messageHas += copied;
        at += copied;
        if (messageHas === message.length) {
          const whole = message;
          message = undefined;
          onMessage(whole, isCompressed);
        }
      }
    },
  };
}

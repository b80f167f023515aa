import { promisify } from "node:util";
import { gunzip, inflate } from "node:zlib";
import { FramingError } from "./message-reader.ts";
import { statusCode } from "./method.ts";

/** What `grpc-accept-encoding` says. Envoy compresses nothing; other clients may. */
export const acceptedEncodings = "identity,deflate,gzip";

const decoders = { gzip: promisify(gunzip), deflate: promisify(inflate) };

export type Decompress = (message: Buffer) => Promise<Buffer>;

/**
 * The way to read compressed messages of a call; `refused` where its encoding is not known here. Bounded: a message that
 * grows past `maxMessageBytes` is an error, and so never in memory.
 */
export function decompressorOf(
  encoding: string | undefined,
  maxMessageBytes: number,
): Decompress | undefined | "refused" {
  if (encoding === undefined || encoding === "identity") return undefined;
  if (encoding !== "gzip" && encoding !== "deflate") return "refused";
  const decode = decoders[encoding];
  return async (message) => {
    try {
      return await decode(message, { maxOutputLength: maxMessageBytes });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") {
        const words = `a message has more than ${maxMessageBytes} bytes when decompressed`;
        throw new FramingError(statusCode.resourceExhausted, words);
      }
      throw new FramingError(statusCode.internal, "a message can't be decompressed");
    }
  };
}

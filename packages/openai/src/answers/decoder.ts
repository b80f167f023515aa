import { Gunzip, Inflate, Unzlib } from "fflate";

/** Decodes a content encoding chunk by chunk. */
export interface Decoder {
  /** Returns the decoded bytes of the chunk; undefined if the encoding is invalid or the output is too large. */
  push(chunk: Uint8Array): Uint8Array | undefined;
  /** True if `push` stopped because the output is too large. The outcome of the answer is then unknown. */
  isTooMuch(): boolean;
}

/** Most decoded bytes of one answer. */
const maxDecodedBytes = 64 * 1024 * 1024;
/** Most decoded bytes of one chunk, and more for each of its bytes: a long answer may arrive as one chunk. */
const maxChunkDecodedBytes = 2 * 1024 * 1024;
const maxChunkRatio = 32;
/** Most decoded bytes for each byte read, after the first MiB. Equal events of a model that repeats itself exceed 250. */
const maxRatio = 400;
const anyRatioBytes = 1024 * 1024;
/** Input is decoded in slices of this size. Deflate expands at most 1,032 times, so a slice to half a MiB: some ms of work. */
const sliceBytes = 512;
/** Most slices without output: an endless header would be scanned again with each slice. */
const mostEmptySlices = 256;

/** A supported content encoding of answers. */
export type AnswerCoding = "identity" | "gzip" | "deflate";

/** Returns the coding of a `content-encoding` header; undefined if it is not supported. */
export function answerCoding(contentEncoding: string): AnswerCoding | undefined {
  switch (contentEncoding.trim().toLowerCase()) {
    case "":
    case "identity":
      return "identity";
    case "gzip":
    case "x-gzip":
      return "gzip";
    case "deflate":
      return "deflate";
    default:
      return undefined;
  }
}

/** Creates the decoder for a coding. */
export function createDecoder(coding: AnswerCoding): Decoder {
  switch (coding) {
    case "identity":
      return { push: (chunk) => chunk, isTooMuch: () => false };
    case "gzip":
      return inflating((onData) => new Gunzip(onData));
    case "deflate":
      return deflating();
  }
}

type OnData = (data: Uint8Array) => void;
interface Stream {
  push(chunk: Uint8Array, isLast?: boolean): void;
}

function inflating(create: (onData: OnData) => Stream): Decoder {
  let pieces: Uint8Array[] = [];
  let [decodedBytes, readBytes] = [0, 0];
  let chunkBytes = 0;
  let emptySlices = 0;
  let isBroken = false;
  let isTooMuch = false;
  const stream = create((data) => {
    decodedBytes += data.length;
    chunkBytes += data.length;
    pieces.push(data);
  });
  return {
    isTooMuch: () => isTooMuch,
    push(chunk) {
      chunkBytes = 0;
      const maxChunkBytes = maxChunkDecodedBytes + maxChunkRatio * chunk.length;
      for (let at = 0; at < chunk.length && !isBroken; at += sliceBytes) {
        try {
          const before = decodedBytes;
          readBytes += Math.min(sliceBytes, chunk.length - at);
          // Copied, because the chunk belongs to the caller and fflate keeps input that it can't decode yet.
          stream.push(chunk.slice(at, at + sliceBytes), false);
          emptySlices = decodedBytes === before ? emptySlices + 1 : 0;
        } catch {
          // The body does not match its header, which is an outcome to count, not an error of this process.
          isBroken = true;
        }
        const isBomb = decodedBytes > anyRatioBytes && decodedBytes > maxRatio * readBytes;
        isTooMuch ||= isBomb || chunkBytes > maxChunkBytes || decodedBytes > maxDecodedBytes;
        isBroken ||= isTooMuch || emptySlices > mostEmptySlices;
      }
      if (isBroken) {
        pieces = [];
        return undefined;
      }
      const [only] = pieces;
      const decoded = pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces);
      pieces = [];
      return decoded;
    },
  };
}

/** Some servers send the zlib format, as the standard requires, others raw deflate. */
function deflating(): Decoder {
  let decoder: Decoder | undefined;
  return {
    isTooMuch: () => decoder?.isTooMuch() ?? false,
    push(chunk) {
      const isZlib = ((chunk[0] ?? 0) & 0x0f) === 8;
      decoder ??= inflating((onData) => (isZlib ? new Unzlib(onData) : new Inflate(onData)));
      return decoder.push(chunk);
    },
  };
}

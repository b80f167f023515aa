import { Gunzip, Inflate, Unzlib } from "fflate";

/** Undoes a content encoding chunk by chunk. */
export interface Decoder {
  /** What the chunk brings out; undefined once the bytes were no such encoding, or too many came out. */
  push(chunk: Uint8Array): Uint8Array | undefined;
  /** Why `push` says no more: more comes out than is decoded, and what it is is not known. */
  isTooMuch(): boolean;
}

/** What decoding one answer may bring out, in all and with each chunk. */
const maxDecodedBytes = 64 * 1024 * 1024;
const maxChunkDecodedBytes = 2 * 1024 * 1024;
/** From a MiB on no answer unfolds to more times its bytes: like events of a model that repeats itself come to half of it. */
const maxRatio = 250;
const anyRatioBytes = 1024 * 1024;
/** Deflate unfolds to 1,032 times its bytes at most: so a slice to half a MiB, some ms of work. */
const sliceBytes = 512;
/** Slices that bring nothing out: a header without an end is looked through again with each. */
const mostEmptySlices = 256;

/** A content encoding that answers are read in. */
export type AnswerCoding = "identity" | "gzip" | "deflate";

/** The coding that a `content-encoding` header names; undefined where answers in it are not read. */
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
      for (let at = 0; at < chunk.length && !isBroken; at += sliceBytes) {
        try {
          const before = decodedBytes;
          readBytes += Math.min(sliceBytes, chunk.length - at);
          // A copy: the chunk belongs to the caller, and fflate keeps what it cannot read yet.
          stream.push(chunk.slice(at, at + sliceBytes), false);
          emptySlices = decodedBytes === before ? emptySlices + 1 : 0;
        } catch {
          // Not what its header says: an outcome to be counted, not an error of ours.
          isBroken = true;
        }
        const isBomb = decodedBytes > anyRatioBytes && decodedBytes > maxRatio * readBytes;
        isTooMuch ||= isBomb || chunkBytes > maxChunkDecodedBytes || decodedBytes > maxDecodedBytes;
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

/** Some servers send zlib's format, as the standard says, and some bare deflate. */
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

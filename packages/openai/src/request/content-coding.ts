import { brotliDecompress, gunzip, inflate, zstdDecompress } from "node:zlib";

/** What becomes of a body that came compressed. */
export type Decoded =
  | { readonly ok: true; readonly body: Uint8Array }
  | { readonly ok: false; readonly reason: "too large" | "too dense" | "broken" | "busy" };

/** Undoes the content codings of bodies, in zlib's threads. */
export interface BodyDecoder {
  /** Whether there is something to undo. Of a coding that is not known it is `unknown`. */
  codingOf(contentEncoding: string | undefined): Coding | "identity" | "unknown";
  decode(body: Uint8Array, coding: Coding): Promise<Decoded>;
}

export type Coding = keyof typeof codings;

type Decompress = (
  body: Uint8Array,
  options: { readonly maxOutputLength: number; readonly chunkSize: number },
  done: (error: NodeJS.ErrnoException | null, decoded: Buffer) => void,
) => void;

const codings = {
  gzip: gunzip as Decompress,
  deflate: inflate as Decompress,
  br: brotliDecompress as Decompress,
  zstd: zstdDecompress as Decompress,
} as const;

export interface BodyDecoderOptions {
  /** A body that gets longer is refused as soon as it does. */
  readonly maxBytes: number;
  /** Bodies that are decoded at once, and so may take `maxBytes` each; 2 when absent. */
  readonly atOnce?: number;
  /** A body is refused that gets longer than so many times its compressed bytes, and than 1 MiB; 100 when absent. */
  readonly maxRatio?: number;
  /** Compressed bytes that may wait; 64 MiB when absent. */
  readonly maxWaitingBytes?: number;
}

/** Short texts are often the same line many times. */
const freeBytes = 1024 * 1024;

interface Waiting {
  readonly bytes: number;
  readonly begin: () => void;
}

export function createBodyDecoder(options: BodyDecoderOptions): BodyDecoder {
  const { maxBytes, atOnce = 2, maxRatio = 100, maxWaitingBytes = 64 * 1024 * 1024 } = options;
  const waiting: Waiting[] = [];
  let waitingBytes = 0;
  let running = 0;

  function next(): void {
    running--;
    const first = waiting.shift();
    if (first === undefined) return;
    waitingBytes -= first.bytes;
    first.begin();
  }

  return {
    codingOf(contentEncoding) {
      const name = contentEncoding?.trim().toLowerCase() ?? "";
      if (name === "" || name === "identity") return "identity";
      if (name === "x-gzip") return "gzip";
      return Object.hasOwn(codings, name) ? (name as Coding) : "unknown";
    },
    decode(body, coding) {
      return new Promise((resolve) => {
        const begin = () => {
          running++;
          const densest = Math.max(freeBytes, maxRatio * body.length);
          const limits = { maxOutputLength: Math.min(maxBytes, densest), chunkSize: 256 * 1024 };
          codings[coding](body, limits, (error, decoded) => {
            next();
            if (error === null) resolve({ ok: true, body: decoded });
            else if (error.code !== "ERR_BUFFER_TOO_LARGE")
              resolve({ ok: false, reason: "broken" });
            else resolve({ ok: false, reason: densest < maxBytes ? "too dense" : "too large" });
          });
        };
        if (running < atOnce) begin();
        else if (waitingBytes + body.length > maxWaitingBytes)
          resolve({ ok: false, reason: "busy" });
        else {
          waitingBytes += body.length;
          waiting.push({ bytes: body.length, begin });
        }
      });
    },
  };
}

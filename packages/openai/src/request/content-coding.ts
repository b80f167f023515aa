import { brotliDecompress, gunzip, inflate, zstdDecompress } from "node:zlib";

/** Result of decoding a compressed body. */
export type Decoded =
  | { readonly ok: true; readonly body: Uint8Array }
  | { readonly ok: false; readonly reason: "too large" | "too dense" | "broken" | "busy" };

/** Decodes the content codings of bodies, in zlib's threads. */
export interface BodyDecoder {
  /** The coding to decode; `identity` if there is none, `unknown` if it is not supported. */
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
  /** Largest decoded body; a larger one is refused as soon as it is exceeded. */
  readonly maxBytes: number;
  /** Bodies decoded concurrently, each of which may take `maxBytes`; 2 when absent. */
  readonly atOnce?: number;
  /** A body over 1 MiB is refused if it is larger than this many times its compressed size; 100 when absent. */
  readonly maxRatio?: number;
  /** Most compressed bytes waiting to be decoded; 64 MiB when absent. */
  readonly maxWaitingBytes?: number;
}

/** Size up to which the ratio is not checked: short texts often repeat one line. */
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

import { bufferBytes } from "./bootstrap.ts";

/** A request, and what the model server answers. */
export interface RecordedCase {
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  /** Written one by one; one piece has a content-length, more have none. */
  readonly pieces: readonly string[];
  readonly trailers?: Readonly<Record<string, string>>;
  readonly answer: {
    readonly pieces: readonly string[];
    readonly trailers?: Readonly<Record<string, string>>;
    /** It never comes: the client goes away before. */
    readonly isHeld?: boolean;
  };
  /** The client goes away when it has sent the pieces, without ending the request. */
  readonly isCutShort?: boolean;
}

const chat = (bytes: number) =>
  JSON.stringify({ model: "m", messages: [{ role: "user", content: "x".repeat(bytes) }] });
const answer = { pieces: ['{"choices":[]}'] };
const post: RecordedCase = { method: "POST", headers: {}, pieces: [chat(20)], answer };

/** By name; the modes say which they are asked. */
export const recordedCases: Readonly<Record<string, RecordedCase>> = {
  get: { method: "GET", headers: {}, pieces: [], answer },
  post,
  chunked: { ...post, pieces: ['{"model":"m",', '"messages":', "[]}"] },
  "empty-body": { ...post, pieces: [""] },
  large: { ...post, pieces: [chat(bufferBytes / 2)] },
  /** More than Envoy holds. */
  "too-large": { ...post, pieces: [chat(bufferBytes * 3)] },
  trailers: {
    ...post,
    pieces: ['{"model":"m",', '"messages":[]}'],
    trailers: { "x-checksum": "1" },
    answer: { pieces: ['{"choices":', "[]}"], trailers: { "x-usage": "2" } },
  },
  refused: { ...post, headers: { "x-decision": "refuse" } },
  rewritten: { ...post, headers: { "x-decision": "rewrite" } },
  stream: {
    ...post,
    answer: { pieces: ['data: {"choices":[{"delta":{"content":"a"}}]}\n\n', "data: [DONE]\n\n"] },
  },
  abort: { ...post, answer: { pieces: [], isHeld: true } },
  "abort-in-body": { ...post, pieces: ['{"model":"m",', '"messages":'], isCutShort: true },
};

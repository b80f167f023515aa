import { readOpenAi } from "./formats/openai.ts";
import { createSseLines } from "./sse-lines.ts";

/** What was measured of one answer's body. Times are the recorder's clock, in ms. */
export interface AnswerMeasures {
  readonly firstTokenAt: number | undefined;
  readonly lastTokenAt: number | undefined;
  readonly tokenEvents: number;
  readonly maxGapMs: number | undefined;
  readonly outTokens: number | undefined;
  readonly promptTokens: number | undefined;
  readonly chars: number;
  readonly id: string | undefined;
  readonly model: string | undefined;
  readonly finishReason: string | undefined;
  /** `[DONE]`, or a whole JSON body. */
  readonly isWhole: boolean;
  readonly isMalformed: boolean;
  readonly hasError: boolean;
}

/** Reads one answer's body as it passes. */
export interface AnswerReader {
  push(chunk: Uint8Array, atMs: number): void;
  end(): AnswerMeasures;
}

interface Findings {
  firstTokenAt: number | undefined;
  lastTokenAt: number | undefined;
  tokenEvents: number;
  maxGapMs: number | undefined;
  outTokens: number | undefined;
  promptTokens: number | undefined;
  chars: number;
  id: string | undefined;
  model: string | undefined;
  finishReason: string | undefined;
  isWhole: boolean;
  isMalformed: boolean;
  hasError: boolean;
}

/** A JSON answer larger than this is counted and not read. */
const maxBodyBytes = 2 * 1024 * 1024;

/** Creates the reader for an answer's content type. */
export function createAnswerReader(contentType: string): AnswerReader {
  return contentType.startsWith("text/event-stream") ? createStreamReader() : createBodyReader();
}

function createStreamReader(): AnswerReader {
  const lines = createSseLines();
  const found = nothing();

  function take(data: string): boolean {
    if (data === "[DONE]") {
      found.isWhole = true;
      return false;
    }
    return takeJson(found, data);
  }

  return {
    push(chunk, atMs) {
      let hasToken = false;
      for (const data of lines.push(chunk)) hasToken = take(data) || hasToken;
      if (!hasToken) return;
      if (found.lastTokenAt !== undefined) {
        found.maxGapMs = Math.max(found.maxGapMs ?? 0, atMs - found.lastTokenAt);
      }
      found.firstTokenAt ??= atMs;
      found.lastTokenAt = atMs;
    },
    end() {
      for (const data of lines.end()) take(data);
      if (lines.hasSkipped) found.isMalformed = true;
      return found;
    },
  };
}

function createBodyReader(): AnswerReader {
  const found = nothing();
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  return {
    push(chunk) {
      bytes += chunk.length;
      if (bytes > maxBodyBytes) chunks = [];
      else chunks.push(Uint8Array.from(chunk));
    },
    end() {
      if (bytes > maxBodyBytes) return { ...found, isWhole: true };
      takeJson(found, Buffer.concat(chunks).toString("utf8"));
      found.isWhole = !found.isMalformed;
      return found;
    },
  };
}

/** Returns whether the JSON holds a token. */
function takeJson(found: Findings, text: string): boolean {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // What a model server sends is an outcome to be counted, not an error of ours.
    found.isMalformed = true;
    return false;
  }
  const event = readOpenAi(json);
  found.chars += event.chars;
  if (event.hasToken) found.tokenEvents++;
  found.id ??= event.id;
  found.model ??= event.model;
  found.finishReason = event.finishReason ?? found.finishReason;
  found.outTokens = event.usage?.outTokens ?? found.outTokens;
  found.promptTokens = event.usage?.promptTokens ?? found.promptTokens;
  if (event.isError) found.hasError = true;
  return event.hasToken;
}

function nothing(): Findings {
  return {
    firstTokenAt: undefined,
    lastTokenAt: undefined,
    tokenEvents: 0,
    maxGapMs: undefined,
    outTokens: undefined,
    promptTokens: undefined,
    chars: 0,
    id: undefined,
    model: undefined,
    finishReason: undefined,
    isWhole: false,
    isMalformed: false,
    hasError: false,
  };
}

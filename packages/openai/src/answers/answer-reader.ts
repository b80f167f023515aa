import { jsonKeys } from "../json/json-keys.ts";
import { scanJson } from "../json/json-scan.ts";
import { type AnswerCoding, answerCoding, createDecoder } from "./decoder.ts";
import { readAnswer } from "./formats/read-answer.ts";
import { createSseLines, pieceBytes } from "./sse-lines.ts";
import type { AnswerEvent, FinishReason } from "./token-event.ts";

/** Content measures of one answer's body and the times of its tokens, in ms of the caller's clock. */
export interface AnswerMeasures {
  readonly firstTokenAt: number | undefined;
  /** Time of the first visible token event, without reasoning. */
  readonly firstVisibleAt: number | undefined;
  readonly lastTokenAt: number | undefined;
  readonly tokenEvents: number;
  readonly maxGapMs: number | undefined;
  readonly outTokens: number | undefined;
  readonly promptTokens: number | undefined;
  readonly cachedTokens: number | undefined;
  readonly chars: number;
  /** Code points in the first token event. */
  readonly firstChars: number;
  readonly id: string | undefined;
  readonly model: string | undefined;
  readonly finishReason: FinishReason | undefined;
  /** Whether the answer is complete: it ended with `[DONE]` or the format's last event, or is a whole JSON body. */
  readonly isWhole: boolean;
  readonly isMalformed: boolean;
  /** Whether reading stopped because the answer is too large. Its outcome is then unknown. */
  readonly isGivenUp: boolean;
  readonly hasError: boolean;
}

/** Reads one answer's body as it passes. Keeps neither text nor views of chunks. */
export interface AnswerReader {
  push(chunk: Uint8Array, atMs: number): void;
  /** True if the answer is too large. The rest is not read, and its outcome is unknown. */
  isGivenUp(): boolean;
  /** Estimated memory held until more of the answer arrives, in bytes. */
  heldBytes(): number;
  end(): AnswerMeasures;
}

/** How to read the body of an answer. */
export interface AnswerForm {
  /** Server-sent events; otherwise one JSON value. */
  readonly isStream: boolean;
  readonly coding: AnswerCoding;
}

/** Derives from an answer's headers how to read its body; undefined if its content encoding is not supported. */
export function answerForm(
  contentType: string,
  contentEncoding = "identity",
): AnswerForm | undefined {
  const coding = answerCoding(contentEncoding);
  if (coding === undefined) return undefined;
  return { isStream: contentType.startsWith("text/event-stream"), coding };
}

type Findings = { -readonly [K in keyof AnswerMeasures]: AnswerMeasures[K] };

/** Largest JSON answer that is read; a larger one is only counted. */
export const maxJsonAnswerBytes: number = 1024 * 1024;
/** Most lines of a stream that are read; no model writes as many events. */
const maxLines = 1024 * 1024;
/** Size of a decoder's window. */
const decoderBytes = 64 * 1024;

/** Creates the reader for an answer; undefined if its content encoding is not supported. */
export function createAnswerReader(
  contentType: string,
  contentEncoding?: string,
): AnswerReader | undefined {
  const form = answerForm(contentType, contentEncoding);
  return form === undefined ? undefined : createFormReader(form);
}

/** Receives each event of a stream, or the whole JSON answer, as `JSON.parse` returned it. */
export type OnAnswerJson = (json: unknown) => void;

/**
 * Creates the reader for an answer of this form.
 *
 * @param onJson is given the JSON that is read; must not throw
 */
export function createFormReader(
  { isStream, coding }: AnswerForm,
  onJson?: OnAnswerJson,
): AnswerReader {
  const reader = isStream ? createStreamReader(onJson) : createBodyReader(onJson);
  if (coding === "identity") return reader;
  const decoder = createDecoder(coding);
  let [isBroken, decodedBytes] = [false, 0];
  const isGivenUp = () => decoder.isTooMuch() || reader.isGivenUp();
  return {
    isGivenUp,
    heldBytes: () => decoderBytes + reader.heldBytes(),
    push(chunk, atMs) {
      // What is longer is not read, and so need not be decoded.
      if (!isStream && decodedBytes > maxJsonAnswerBytes) return;
      const decoded = decoder.push(chunk);
      decodedBytes += decoded?.length ?? 0;
      if (decoded === undefined) isBroken = !decoder.isTooMuch();
      else if (decoded.length > 0) reader.push(decoded, atMs);
    },
    end() {
      const measures = reader.end();
      const isMalformed = isBroken || (measures.isMalformed && !isGivenUp());
      return isBroken || isGivenUp()
        ? { ...measures, isMalformed, isGivenUp: isGivenUp() }
        : measures;
    },
  };
}

/** Measures of an answer that never arrived. */
export const noAnswer: AnswerMeasures = nothing();

/** Measures of an answer that was not read. */
export const unreadAnswer: AnswerMeasures = { ...nothing(), isGivenUp: true };

function createStreamReader(onJson: OnAnswerJson | undefined): AnswerReader {
  const lines = createSseLines();
  const found = nothing();
  let malformed = 0;

  function take(data: string, atMs: number | undefined): boolean {
    if (data === "[DONE]") {
      found.isWhole = true;
      return false;
    }
    if (malformed >= mostMalformed) return false;
    const event = takeJson(found, data, onJson);
    if (event === undefined) malformed++;
    if (event?.hasToken !== true) return false;
    if (found.tokenEvents === 1) found.firstChars = event.chars;
    if (event.isVisible) found.firstVisibleAt ??= atMs;
    return true;
  }

  const isGivenUp = () => lines.lineCount() > maxLines;
  return {
    isGivenUp,
    heldBytes: lines.heldBytes,
    push(chunk, atMs) {
      if (isGivenUp()) return;
      let hasToken = false;
      for (const data of lines.push(chunk)) hasToken = take(data, atMs) || hasToken;
      if (!hasToken) return;
      if (found.lastTokenAt !== undefined) {
        found.maxGapMs = Math.max(found.maxGapMs ?? 0, atMs - found.lastTokenAt);
      }
      found.firstTokenAt ??= atMs;
      found.lastTokenAt = atMs;
    },
    end() {
      for (const data of lines.end()) take(data, found.lastTokenAt);
      if (lines.hasSkipped()) found.isMalformed = true;
      if (lines.hasError()) found.hasError = true;
      found.isGivenUp = isGivenUp();
      return found;
    },
  };
}

function createBodyReader(onJson: OnAnswerJson | undefined): AnswerReader {
  const found = nothing();
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  return {
    isGivenUp: () => false,
    heldBytes: () => (chunks.length === 0 ? 0 : bytes + chunks.length * pieceBytes),
    push(chunk) {
      bytes += chunk.length;
      if (bytes > maxJsonAnswerBytes) chunks = [];
      // Copied, because the chunk belongs to the caller and may be a view of a large message.
      else chunks.push(Uint8Array.from(chunk));
    },
    end() {
      if (bytes > maxJsonAnswerBytes) return { ...found, isWhole: true };
      takeJson(found, Buffer.concat(chunks).toString("utf8"), onJson);
      found.isWhole = !found.isMalformed;
      return found;
    },
  };
}

/** Parses the JSON of an event; undefined if it is malformed. */
function takeJson(
  found: Findings,
  data: string,
  onJson: OnAnswerJson | undefined,
): AnswerEvent | undefined {
  let json: unknown;
  try {
    json = isReadable(data) ? JSON.parse(data) : undefined;
  } catch {
    json = undefined;
  }
  if (json === undefined) {
    // Malformed data from a model server is an outcome to count, not an error of this process.
    found.isMalformed = true;
    return undefined;
  }
  onJson?.(json);
  const event = readAnswer(json);
  found.chars += event.chars;
  if (event.hasToken) found.tokenEvents++;
  found.id ??= event.id;
  found.model ??= event.model;
  found.finishReason = event.finishReason ?? found.finishReason;
  found.outTokens = event.usage?.outTokens ?? found.outTokens;
  found.promptTokens = event.usage?.promptTokens ?? found.promptTokens;
  found.cachedTokens = event.usage?.cachedTokens ?? found.cachedTokens;
  if (event.isLast) found.isWhole = true;
  if (event.isError) found.hasError = true;
  return event;
}

/** Most malformed events of a stream; after that, the rest is not read. */
const mostMalformed = 64;
/** Up to this length JSON is parsed without a check; most events are shorter. */
const shortJson = 4_096;
const noKeys = jsonKeys([], []);

/** First characters of JSON. For other text, the exception of JSON.parse takes longer than parsing an event. */
const jsonStart = /^\s*[{[\-"\dtfn]/;

/** True if JSON.parse is fast for the text: 2 MB of `[` take it 100 times as long as 2 MB of text. */
function isReadable(data: string): boolean {
  if (!jsonStart.test(data)) return false;
  if (data.length <= shortJson) return true;
  const scan = scanJson(Buffer.from(data), noKeys);
  return scan.ok || scan.code === "invalid_json_type";
}

function nothing(): Findings {
  return {
    firstTokenAt: undefined,
    firstVisibleAt: undefined,
    lastTokenAt: undefined,
    tokenEvents: 0,
    maxGapMs: undefined,
    outTokens: undefined,
    promptTokens: undefined,
    cachedTokens: undefined,
    chars: 0,
    firstChars: 0,
    id: undefined,
    model: undefined,
    finishReason: undefined,
    isWhole: false,
    isMalformed: false,
    isGivenUp: false,
    hasError: false,
  };
}

import { jsonKeys } from "../json/json-keys.ts";
import { scanJson } from "../json/json-scan.ts";
import { type AnswerCoding, answerCoding, createDecoder } from "./decoder.ts";
import { readAnswer } from "./formats/read-answer.ts";
import { createSseLines, pieceBytes } from "./sse-lines.ts";
import type { AnswerEvent, FinishReason } from "./token-event.ts";

/** What one answer's body says, and when its tokens came. Times are the caller's clock, in ms. */
export interface AnswerMeasures {
  readonly firstTokenAt: number | undefined;
  /** Reasoning left out. */
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
  /** `[DONE]`, the format's own last event, or a whole JSON body. */
  readonly isWhole: boolean;
  readonly isMalformed: boolean;
  /** It was not read to its end, being too much: what it is is not known. */
  readonly isGivenUp: boolean;
  readonly hasError: boolean;
}

/** Reads one answer's body as it passes. Keeps no text, and no view of a chunk. */
export interface AnswerReader {
  push(chunk: Uint8Array, atMs: number): void;
  /** The answer is too much: nothing more of it is read, and what it is is not known. */
  isGivenUp(): boolean;
  /** Memory that is kept until more of the answer comes, in bytes; an estimate. */
  heldBytes(): number;
  end(): AnswerMeasures;
}

/** How the body of an answer is to be read. */
export interface AnswerForm {
  /** Server-sent events; otherwise one JSON value. */
  readonly isStream: boolean;
  readonly coding: AnswerCoding;
}

/** What the headers of an answer say of its body; undefined where its content encoding can't be read. */
export function answerForm(
  contentType: string,
  contentEncoding = "identity",
): AnswerForm | undefined {
  const coding = answerCoding(contentEncoding);
  if (coding === undefined) return undefined;
  return { isStream: contentType.startsWith("text/event-stream"), coding };
}

type Findings = { -readonly [K in keyof AnswerMeasures]: AnswerMeasures[K] };

/** A JSON answer of more bytes is counted and not read. */
export const maxJsonAnswerBytes: number = 1024 * 1024;
/** A stream of more lines is given up: no model writes so many events. */
const maxLines = 1024 * 1024;
/** The window that a decoder keeps. */
const decoderBytes = 64 * 1024;

/** Creates the reader for an answer; undefined where its content encoding can't be read. */
export function createAnswerReader(
  contentType: string,
  contentEncoding?: string,
): AnswerReader | undefined {
  const form = answerForm(contentType, contentEncoding);
  return form === undefined ? undefined : createFormReader(form);
}

/** Creates the reader for an answer of this form. */
export function createFormReader({ isStream, coding }: AnswerForm): AnswerReader {
  const reader = isStream ? createStreamReader() : createBodyReader();
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

/** Of an answer that never came. */
export const noAnswer: AnswerMeasures = nothing();

/** Of an answer that nobody has read. */
export const unreadAnswer: AnswerMeasures = { ...nothing(), isGivenUp: true };

function createStreamReader(): AnswerReader {
  const lines = createSseLines();
  const found = nothing();
  let malformed = 0;

  function take(data: string, atMs: number | undefined): boolean {
    if (data === "[DONE]") {
      found.isWhole = true;
      return false;
    }
    if (malformed >= mostMalformed) return false;
    const event = takeJson(found, data);
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

function createBodyReader(): AnswerReader {
  const found = nothing();
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  return {
    isGivenUp: () => false,
    heldBytes: () => (chunks.length === 0 ? 0 : bytes + chunks.length * pieceBytes),
    push(chunk) {
      bytes += chunk.length;
      if (bytes > maxJsonAnswerBytes) chunks = [];
      // A copy: the chunk belongs to the caller, and may be a view of a large message.
      else chunks.push(Uint8Array.from(chunk));
    },
    end() {
      if (bytes > maxJsonAnswerBytes) return { ...found, isWhole: true };
      takeJson(found, Buffer.concat(chunks).toString("utf8"));
      found.isWhole = !found.isMalformed;
      return found;
    },
  };
}

/** Returns what the JSON says; undefined where it is none. */
function takeJson(found: Findings, data: string): AnswerEvent | undefined {
  let json: unknown;
  try {
    json = isReadable(data) ? JSON.parse(data) : undefined;
  } catch {
    json = undefined;
  }
  if (json === undefined) {
    // What a model server sends is an outcome to be counted, not an error of ours.
    found.isMalformed = true;
    return undefined;
  }
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

/** Events of a stream that are no JSON; behind more nothing is read. */
const mostMalformed = 64;
/** Most events are shorter, and take no time. */
const shortJson = 4_096;
const noKeys = jsonKeys([], []);

/** What JSON may begin with; of all else JSON.parse makes an error, which takes longer than an event. */
const jsonStart = /^\s*[{[\-"\dtfn]/;

/** Whether a text may be parsed: 2 MB of `[` would take JSON.parse 100 times as long as 2 MB of text. */
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

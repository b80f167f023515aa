import { type AnswerMeasures, type AnswerReader, createAnswerReader } from "./answer-reader.ts";
import type { Lane, Leg, LegClass } from "./leg.ts";

/** What is known of a leg when its request headers are seen. */
export interface LegStart {
  readonly requestId: string;
  readonly lane: Lane;
  readonly pool: string;
  readonly model?: string;
  /** The request asked for a stream. */
  readonly stream?: boolean;
  readonly path?: string;
  /** A twin is to be expected. */
  readonly isMirrored?: boolean;
}

/** Takes what passes of one leg, in order. */
export interface LegRecorder {
  /** The request was let go to an endpoint: the start of every latency. */
  dispatched(endpoint: string): void;
  responseHeaders(
    status: number,
    contentType: string,
    contentEncoding?: string,
    servedBy?: string,
  ): void;
  responseBody(chunk: Uint8Array, isEnd: boolean): void;
  /** Only the first call counts. */
  end(outcome: "complete" | "cancelled" | "failed"): void;
}

const noAnswer: AnswerMeasures = createAnswerReader("text/event-stream").end();

/** Measures one leg and hands it over at its end. */
export function createLegRecorder(
  start: LegStart,
  now: () => number,
  onEnd: (leg: Leg) => void,
): LegRecorder {
  let t0 = now();
  let endpoint: string | undefined;
  let status = 0;
  let isStream = start.stream ?? false;
  let reader: AnswerReader | undefined;
  let bodyEndedAt: number | undefined;
  let isOver = false;

  return {
    dispatched(to) {
      t0 = now();
      endpoint = to;
    },
    responseHeaders(code, contentType, contentEncoding, servedBy) {
      status = code;
      endpoint = servedBy ?? endpoint;
      if (contentType.startsWith("text/event-stream")) isStream = true;
      const isPlain = contentEncoding === undefined || contentEncoding === "identity";
      if (isPlain) reader = createAnswerReader(contentType);
    },
    responseBody(chunk, isEnd) {
      const atMs = now();
      if (chunk.length > 0) reader?.push(chunk, atMs);
      if (isEnd) bodyEndedAt = atMs;
    },
    end(outcome) {
      if (isOver) return;
      isOver = true;
      const measures = reader?.end() ?? noAnswer;
      const isEnded = bodyEndedAt !== undefined || outcome === "complete";
      onEnd(leg(measures, classOf(status, isStream, isEnded, reader !== undefined, measures)));
    },
  };

  function leg(measures: AnswerMeasures, legClass: LegClass): Leg {
    const { firstTokenAt, lastTokenAt, tokenEvents, maxGapMs, outTokens: fromUsage } = measures;
    const outTokens = fromUsage ?? (isStream && tokenEvents > 0 ? tokenEvents : undefined);
    const streamEndMs = bodyEndedAt === undefined ? undefined : bodyEndedAt - t0;
    const ttftMs = isStream && firstTokenAt !== undefined ? firstTokenAt - t0 : undefined;
    const lastTokenMs = lastTokenAt === undefined ? undefined : lastTokenAt - t0;
    const e2eMs = isStream ? lastTokenMs : streamEndMs;
    const hasTpot =
      ttftMs !== undefined && e2eMs !== undefined && outTokens !== undefined && outTokens >= 2;
    const model = start.model ?? measures.model;
    return {
      requestId: start.requestId,
      lane: start.lane,
      pool: start.pool,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(model === undefined ? {} : { model }),
      stream: isStream,
      ...(measures.id === undefined ? {} : { responseId: measures.id }),
      status,
      class: legClass,
      t0,
      ...(ttftMs === undefined ? {} : { ttftMs }),
      ...(hasTpot ? { tpotMs: (e2eMs - ttftMs) / (outTokens - 1) } : {}),
      ...(e2eMs === undefined ? {} : { e2eMs }),
      ...(streamEndMs === undefined ? {} : { streamEndMs }),
      ...(outTokens === undefined
        ? {}
        : { outTokens, outTokensFrom: fromUsage === undefined ? "chunks" : "usage" }),
      ...(measures.promptTokens === undefined ? {} : { promptTokens: measures.promptTokens }),
      outChars: measures.chars,
      ...(measures.finishReason === undefined ? {} : { finishReason: measures.finishReason }),
      ...(maxGapMs === undefined ? {} : { maxIclMs: maxGapMs }),
    };
  }
}

function classOf(
  status: number,
  isStream: boolean,
  isEnded: boolean,
  isRead: boolean,
  { isWhole, isMalformed, hasError, tokenEvents, finishReason }: AnswerMeasures,
): LegClass {
  if (status === 0) return isEnded ? "connect" : "client_cancelled";
  const byStatus = statusClass(status);
  if (byStatus !== undefined) return byStatus;
  if (!isEnded) return "client_cancelled";
  if (!isRead) return "ok";
  if (hasError) return "stream_error";
  if (isMalformed) return "malformed";
  if (isStream && !isWhole && finishReason === undefined) return "truncated";
  return tokenEvents === 0 && finishReason === undefined ? "empty" : "ok";
}

function statusClass(status: number): LegClass | undefined {
  if (status < 400) return undefined;
  if (status === 401 || status === 403) return "auth";
  if (status === 404) return "not_found";
  if (status === 429) return "rate_limited";
  if (status < 500) return "bad_request";
  return status === 503 ? "overloaded" : "server_error";
}

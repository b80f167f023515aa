import {
  type AnswerMeasures,
  type AnswerReader,
  createAnswerReader,
  noAnswer,
} from "@umbra/openai/answers";
import type { DropReason } from "../samples/sample.ts";
import type { Lane, Leg } from "./leg.ts";
import { legClassOf } from "./leg-class.ts";
import type { RequestKind } from "./request-kind.ts";

/** What is known of a leg when its request headers are seen. */
export interface LegStart {
  readonly requestId: string;
  readonly lane: Lane;
  readonly pool: string;
  readonly model?: string | undefined;
  /** The request asked for a stream. */
  readonly stream?: boolean;
  readonly promptBytes?: number;
  /** When it was let go to an endpoint, on the recorder's clock: the start of every latency. */
  readonly dispatchedAt?: number;
  readonly endpoint?: string;
  /** Primary: the mirrors that it has a twin in. Shadow: the one mirror it came through. */
  readonly mirrors?: readonly string[];
  /** Primary: mirrors that it was eligible for and has no twin in. */
  readonly unmirrored?: readonly UnmirroredFor[];
  /** Keyed hash of its session. */
  readonly session?: string | undefined;
  /** Primary: what kind of request it is. */
  readonly kind?: RequestKind;
  /** Shadow: how long it may take, in ms. */
  readonly timeoutMs?: number | undefined;
}

/** A mirror that a request did not go to; `drop` where it was drawn for it. */
export interface UnmirroredFor {
  readonly mirror: string;
  readonly drop: DropReason | undefined;
}

export interface ResponseStart {
  readonly status: number;
  readonly contentType: string;
  readonly contentEncoding?: string;
  readonly servedBy?: string;
  readonly attempts?: number;
  /** The gateway made the answer itself. */
  readonly isLocalReply?: boolean;
}

/** Takes what passes of one leg, in order. */
export interface LegRecorder {
  responseHeaders(start: ResponseStart): void;
  responseBody(chunk: Uint8Array, isEnd: boolean): void;
  /** One of us is cutting the leg short. */
  cut(by: "propagated_cancel" | "cap_cancelled"): void;
  /** Only the first call counts. */
  end(outcome: "complete" | "cancelled" | "failed"): void;
}

/** Measures one leg and hands it over at its end. */
export function createLegRecorder(
  start: LegStart,
  now: () => number,
  onEnd: (leg: Leg) => void,
): LegRecorder {
  const t0 = start.dispatchedAt ?? now();
  let { endpoint } = start;
  let response: ResponseStart | undefined;
  let isStream = start.stream ?? false;
  let reader: AnswerReader | undefined;
  let bodyEndedAt: number | undefined;
  let cutBy: "propagated_cancel" | "cap_cancelled" | undefined;
  let isOver = false;

  return {
    responseHeaders(from) {
      response = from;
      endpoint = from.servedBy ?? endpoint;
      if (from.contentType.startsWith("text/event-stream")) isStream = true;
      reader = createAnswerReader(from.contentType, from.contentEncoding);
    },
    responseBody(chunk, isEnd) {
      const atMs = now();
      if (chunk.length > 0) reader?.push(chunk, atMs);
      if (isEnd) bodyEndedAt = atMs;
    },
    cut(by) {
      cutBy ??= by;
    },
    end(outcome) {
      if (isOver) return;
      isOver = true;
      const endedAt = bodyEndedAt ?? now();
      const measures = reader?.end();
      if (measures?.isGivenUp === true) cutBy ??= "cap_cancelled";
      const legClass = legClassOf({
        lane: start.lane,
        status: response?.status ?? 0,
        isLocalReply: response?.isLocalReply ?? false,
        isStream,
        isEnded: bodyEndedAt !== undefined || outcome === "complete",
        isOverdue: start.timeoutMs !== undefined && endedAt - t0 >= start.timeoutMs * 0.98,
        cutBy,
        measures,
      });
      const { requestId, lane, pool, model, promptBytes, session, kind } = start;
      const { status = 0, attempts } = response ?? {};
      onEnd({
        ...{ requestId, lane, pool, stream: isStream, status, t0, class: legClass },
        ...optional("endpoint", endpoint),
        ...optional("promptBytes", promptBytes),
        ...optional("session", session),
        ...optional("kind", kind),
        ...optional("attempts", attempts),
        ...optional("model", model ?? measures?.model),
        ...measured(measures ?? noAnswer, { isStream, t0, bodyEndedAt }),
      });
    },
  };
}

interface Timing {
  readonly isStream: boolean;
  readonly t0: number;
  readonly bodyEndedAt: number | undefined;
}

function measured(answer: AnswerMeasures, { isStream, t0, bodyEndedAt }: Timing) {
  const { firstTokenAt, lastTokenAt, tokenEvents } = answer;
  const since = (at: number | undefined) => (at === undefined ? undefined : at - t0);
  const ttftMs = isStream ? since(firstTokenAt) : undefined;
  const e2eMs = isStream ? since(lastTokenAt) : since(bodyEndedAt);
  const outTokens = answer.outTokens ?? (isStream && tokenEvents > 0 ? tokenEvents : undefined);
  const generationMs =
    ttftMs === undefined || e2eMs === undefined ? undefined : Math.max(0, e2eMs - ttftMs);
  const laterChars = answer.chars - answer.firstChars;
  const source: Leg["outTokensFrom"] = answer.outTokens === undefined ? "chunks" : "usage";
  return {
    outChars: answer.chars,
    ...optional("responseId", answer.id),
    ...optional("ttftMs", ttftMs),
    ...optional("ttfoMs", isStream ? since(answer.firstVisibleAt) : undefined),
    ...optional("tpotMs", perToken(generationMs, outTokens)),
    ...optional(
      "tpocMs",
      generationMs === undefined || laterChars < 1 ? undefined : generationMs / laterChars,
    ),
    ...optional("e2eMs", e2eMs),
    ...optional("streamEndMs", since(bodyEndedAt)),
    ...optional("outTokens", outTokens),
    ...optional("outTokensFrom", outTokens === undefined ? undefined : source),
    ...(isStream ? { tokenEvents } : {}),
    ...optional("promptTokens", answer.promptTokens),
    ...optional("cachedTokens", answer.cachedTokens),
    ...optional("finishReason", answer.finishReason),
    ...optional("maxIclMs", answer.maxGapMs),
  };
}

/** Time between tokens behind the first; undefined of fewer than two. */
export function perToken(
  generationMs: number | undefined,
  tokens: number | undefined,
): number | undefined {
  if (generationMs === undefined || tokens === undefined || tokens < 2) return undefined;
  return generationMs / (tokens - 1);
}

/** A missing key where there is no value. */
function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
}

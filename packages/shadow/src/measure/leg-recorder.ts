import { type AnswerMeasures, answerForm, noAnswer } from "@umbra/openai/answers";
import type { DropReason } from "../samples/sample.ts";
import type { AnswerReading, ReadAnswer } from "./answer-reading.ts";
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
  /** Returns false where the rest is not read: the answer is too much, or its reader is behind. */
  responseBody(chunk: Uint8Array, isEnd: boolean): boolean;
  /** One of us is cutting the leg short. */
  cut(by: CutBy): void;
  /** Only the first call counts. `onDone`: the leg was handed over, which is later where another thread reads. */
  end(outcome: "complete" | "cancelled" | "failed", onDone?: () => void): void;
}

type CutBy = "propagated_cancel" | "cap_cancelled";

export interface LegRecorderOptions {
  /** Monotonic, in ms. */
  readonly now: () => number;
  readonly readAnswer: ReadAnswer;
  readonly onEnd: (leg: Leg) => void;
}

/** Measures one leg and hands it over at its end. */
export function createLegRecorder(start: LegStart, options: LegRecorderOptions): LegRecorder {
  return new OneLeg(start, options);
}

class OneLeg implements LegRecorder {
  readonly #start: LegStart;
  readonly #options: LegRecorderOptions;
  readonly #t0: number;
  #response: ResponseStart | undefined = undefined;
  #isStream: boolean;
  #reading: AnswerReading | undefined = undefined;
  #bodyEndedAt: number | undefined = undefined;
  #cutBy: CutBy | undefined = undefined;
  #isOver = false;

  constructor(start: LegStart, options: LegRecorderOptions) {
    this.#start = start;
    this.#options = options;
    this.#t0 = start.dispatchedAt ?? options.now();
    this.#isStream = start.stream ?? false;
  }

  responseHeaders(from: ResponseStart): void {
    const form = answerForm(from.contentType, from.contentEncoding);
    this.#response = from;
    if (from.contentType.startsWith("text/event-stream")) this.#isStream = true;
    this.#reading =
      form === undefined ? undefined : this.#options.readAnswer(form, this.#start.lane);
  }

  responseBody(chunk: Uint8Array, isEnd: boolean): boolean {
    const atMs = this.#options.now();
    if (chunk.length > 0 && this.#reading?.push(chunk, atMs) === false) return false;
    if (isEnd) this.#bodyEndedAt = atMs;
    return true;
  }

  cut(by: CutBy): void {
    this.#cutBy ??= by;
  }

  end(outcome: "complete" | "cancelled" | "failed", onDone?: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const endedAt = this.#bodyEndedAt ?? this.#options.now();
    const isEnded = this.#bodyEndedAt !== undefined || outcome === "complete";
    const finish = (measures: AnswerMeasures | undefined) => {
      try {
        this.#options.onEnd(this.#leg(measures, endedAt, isEnded));
      } finally {
        onDone?.();
      }
    };
    if (this.#reading === undefined) finish(undefined);
    else this.#reading.end(finish);
  }

  #leg(measures: AnswerMeasures | undefined, endedAt: number, isEnded: boolean): Leg {
    const { requestId, lane, pool, model, promptBytes, session, kind, timeoutMs } = this.#start;
    const { status = 0, attempts, isLocalReply = false, servedBy } = this.#response ?? {};
    const [t0, isStream, bodyEndedAt] = [this.#t0, this.#isStream, this.#bodyEndedAt];
    const legClass = legClassOf({
      ...{ lane, status, isLocalReply, isStream, isEnded, measures },
      isOverdue: timeoutMs !== undefined && endedAt - t0 >= timeoutMs * 0.98,
      cutBy: this.#cutBy,
    });
    return {
      ...{ requestId, lane, pool, stream: isStream, status, t0, class: legClass },
      ...optional("endpoint", servedBy ?? this.#start.endpoint),
      ...optional("promptBytes", promptBytes),
      ...optional("session", session),
      ...optional("kind", kind),
      ...optional("attempts", attempts),
      ...optional("model", model ?? measures?.model),
      ...measured(measures ?? noAnswer, { isStream, t0, bodyEndedAt }),
    };
  }
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

import { type AnswerMeasures, answerForm, noAnswer } from "@umbra/openai/answers";
import type { DropReason } from "../samples/sample.ts";
import type { AnswerReading, ReadAnswer } from "./answer-reading.ts";
import { isCensored, type Lane, type Leg } from "./leg.ts";
import { legClassOf } from "./leg-class.ts";
import type { RequestKind } from "./request-kind.ts";

/** What is known about a leg when its request headers arrive. */
export interface LegStart {
  readonly requestId: string;
  readonly lane: Lane;
  readonly pool: string;
  readonly model?: string | undefined;
  /** Whether the request asks for a stream. */
  readonly stream?: boolean;
  readonly promptBytes?: number;
  /** When it was sent to an endpoint, on the recorder's clock. All latencies start here. */
  readonly dispatchedAt?: number;
  readonly endpoint?: string;
  /** For a primary: mirrors that have a twin of it. For a shadow: the mirror it belongs to. */
  readonly mirrors?: readonly string[];
  /** For a primary: mirrors it was eligible for that have no twin of it. */
  readonly unmirrored?: readonly UnmirroredFor[];
  /** Keyed hash of the session. */
  readonly session?: string | undefined;
  /** For a primary: the kind of request. */
  readonly kind?: RequestKind;
  /** For a shadow: its time limit, in ms. */
  readonly timeoutMs?: number | undefined;
  /** Reads its answer, instead of the recorder's; absent if its answer is like any other. */
  readonly readAnswer?: ReadAnswer | undefined;
}

/** A mirror a request was not sent to. `drop` says why, if the request was drawn for it. */
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
  /** Whether the gateway generated the answer. */
  readonly isLocalReply?: boolean;
}

/** Records the messages of one leg, in order. */
export interface LegRecorder {
  responseHeaders(start: ResponseStart): void;
  /** Returns false if the rest is not read, because the answer is too large or the reader can't keep up. */
  responseBody(chunk: Uint8Array, isEnd: boolean): boolean;
  /** Umbra is cutting the leg short. */
  cut(by: CutBy): void;
  /**
   * Ends the leg; only the first call has an effect. `onDone` is called once the leg has been passed on, which is later
   * if another thread reads.
   */
  end(outcome: "complete" | "cancelled" | "failed", onDone?: () => void): void;
}

type CutBy = "propagated_cancel" | "cap_cancelled";

export interface LegRecorderOptions {
  /** Monotonic clock, in ms. */
  readonly now: () => number;
  readonly readAnswer: ReadAnswer;
  readonly onEnd: (leg: Leg) => void;
}

/** Creates a recorder that measures one leg and passes it on at its end. */
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
    const { lane, readAnswer = this.#options.readAnswer } = this.#start;
    this.#reading = form === undefined ? undefined : readAnswer(form, lane);
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
      ...optional("cutMs", isCensored(legClass) ? endedAt - t0 : undefined),
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

/** Mean time between tokens after the first; undefined for fewer than two tokens. */
export function perToken(
  generationMs: number | undefined,
  tokens: number | undefined,
): number | undefined {
  if (generationMs === undefined || tokens === undefined || tokens < 2) return undefined;
  return generationMs / (tokens - 1);
}

/** An object without the key if there is no value. */
function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
}

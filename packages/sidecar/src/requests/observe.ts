import { answerDelayTrailer, streamMetadata } from "@umbra/envoy-config";
import type { Headers, ObserveExchange, StreamInfo, StreamOutcome } from "@umbra/ext-proc";
import type { LegRecorder, Recorder } from "@umbra/shadow";
import type { Lane } from "../decision/request-account.ts";
import {
  type LiveLeg,
  type LiveRequest,
  LiveTwin,
  type MeasuredLeg,
  type PickedLeg,
} from "./live-request.ts";
import type { LiveRequests } from "./live-requests.ts";
import type { WorkShare } from "./work-share.ts";

export interface ObserveOptions {
  readonly recorder: Recorder<LiveRequest>;
  readonly live: LiveRequests;
  /** How long a mirror's copies may take, in ms. */
  readonly timeoutOf: (mirror: string) => number | undefined;
  /** Time for reading the answers of each lane. */
  readonly shares: Readonly<Record<Lane, WorkShare>>;
  /** An answer is read no further: it is too long, or its lane has no time left. */
  readonly onOverload: (lane: Lane) => void;
  /** Monotonic, in ms. */
  readonly now: () => number;
}

/** Of one answer; no model writes more for a client to read. */
const maxAnswerBytes = 32 * 1024 * 1024;
/** Envoy sends what it has read of an answer at once, up to megabytes. */
const sliceBytes = 16 * 1024;
const nothing = new Uint8Array();

/** Feeds the recorder with the copies of one request's answer. */
export function observeExchange(
  { metadata }: StreamInfo,
  options: ObserveOptions,
): ObserveExchange {
  const isTwin = metadata.get(streamMetadata.lane) === "shadow";
  const mirror = isTwin ? (metadata.get(streamMetadata.mirrors) ?? "") : undefined;
  return new Observed(metadata.get(streamMetadata.pool) ?? "", mirror, options);
}

/** What the pick has not marked for measuring ends at its first message: from then on it costs nothing. */
class Observed implements ObserveExchange {
  readonly #options: ObserveOptions;
  readonly #pool: string;
  /** Of a twin; undefined: the primary's answer is observed. */
  readonly #mirror: string | undefined;
  #leg: LiveLeg | undefined = undefined;
  #bytes = 0;

  constructor(pool: string, mirror: string | undefined, options: ObserveOptions) {
    this.#options = options;
    this.#pool = pool;
    this.#mirror = mirror;
  }

  onRequestHeaders(headers: Headers): "end" | undefined {
    const leg = this.#options.live.observe(headers.get("x-request-id") ?? "", this.#mirror);
    if (leg?.measured === undefined) return "end";
    this.#leg = leg;
    leg.measured.recorder = this.#begin(leg.request, leg.measured.picked);
    if (leg.measured.recorder !== undefined) return undefined;
    leg.measured = undefined;
    return "end";
  }

  onResponseHeaders(headers: Headers, attributes: Headers, endOfStream: boolean): void {
    const encoding = headers.get("content-encoding");
    const servedBy = attributes.get("upstream.address");
    if (servedBy !== undefined) this.#leg?.lease?.servedBy(servedBy);
    const attempts = Number(attributes.get("upstream.request_attempt_count") ?? Number.NaN);
    const details = attributes.get("response.code_details");
    this.#leg?.measured?.recorder?.responseHeaders({
      status: Number(headers.get(":status") ?? 0),
      contentType: headers.get("content-type") ?? "",
      isLocalReply: details !== undefined && details !== "via_upstream",
      ...(encoding === undefined ? {} : { contentEncoding: encoding }),
      ...(servedBy === undefined ? {} : { servedBy }),
      ...(Number.isFinite(attempts) ? { attempts } : {}),
    });
    if (endOfStream) this.#leg?.measured?.recorder?.responseBody(nothing, true);
  }

  onResponseBody(chunk: Uint8Array, endOfStream: boolean): "end" | undefined {
    const recorder = this.#leg?.measured?.recorder;
    if (recorder === undefined) return undefined;
    this.#bytes += chunk.length;
    if (this.#bytes > maxAnswerBytes) {
      const leg = this.#leg;
      if (leg instanceof LiveTwin) this.#options.live.endTwin(leg);
      return this.#cut();
    }
    let at = 0;
    do {
      const end = Math.min(chunk.length, at + sliceBytes);
      const slice = chunk.length <= sliceBytes ? chunk : chunk.subarray(at, end);
      if (!this.#take(recorder, slice, endOfStream && end === chunk.length)) return this.#cut();
      at = end;
    } while (at < chunk.length);
    this.#leg?.request.texts?.add(this.#mirror, chunk);
    return undefined;
  }

  /** An answer that Envoy's limit of a shadow's bandwidth has delayed says nothing of the shadow's speed. */
  onResponseTrailers(trailers: Headers): void {
    if (Number(trailers.get(answerDelayTrailer) ?? 0) > 0) this.#cut();
    else this.#leg?.measured?.recorder?.responseBody(nothing, true);
  }

  /** False where the lane has no time left. */
  #take(recorder: LegRecorder, slice: Uint8Array, isEnd: boolean): boolean {
    const { shares, now } = this.#options;
    const share = shares[this.#lane];
    const startedMs = now();
    if (!share.hasRoom(startedMs)) return false;
    recorder.responseBody(slice, isEnd);
    share.spent(now() - startedMs);
    return true;
  }

  /** Measures no further. The answer itself goes on: only its copies end. */
  #cut(): "end" {
    const measured = this.#leg?.measured;
    this.#options.onOverload(this.#lane);
    measured?.recorder?.cut("cap_cancelled");
    if (measured !== undefined) measured.isCut = true;
    return "end";
  }

  get #lane(): Lane {
    return this.#mirror === undefined ? "primary" : "shadow";
  }

  onEnd(outcome: StreamOutcome): void {
    if (this.#leg === undefined) return;
    const { measured, request } = this.#leg;
    try {
      if (measured !== undefined) this.#end(measured, outcome);
    } finally {
      // Behind the leg: with the last stream the request is given up.
      this.#options.live.streamOver(request);
    }
  }

  #end(measured: MeasuredLeg, outcome: StreamOutcome): void {
    const { now, shares } = this.#options;
    const { recorder, isCut } = measured;
    measured.hasEnded = true;
    measured.isWhole = outcome === "complete" && !isCut;
    measured.recorder = undefined;
    const startedMs = now();
    recorder?.end(isCut ? "cancelled" : outcome);
    shares[this.#lane].spent(now() - startedMs);
  }

  /** Begins to measure; undefined where too much is measured already. */
  #begin(request: LiveRequest, picked: PickedLeg): LegRecorder | undefined {
    const { live, recorder, timeoutOf } = this.#options;
    const isPrimary = this.#mirror === undefined;
    if (isPrimary && live.isShared(request)) return undefined;
    request.pairing ??= recorder.open(request);
    return request.pairing.begin({
      ...picked,
      requestId: request.requestId,
      lane: isPrimary ? "primary" : "shadow",
      pool: this.#pool,
      timeoutMs: isPrimary ? undefined : timeoutOf(this.#mirror),
    });
  }
}

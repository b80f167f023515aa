import { answerDelayTrailer, streamMetadata } from "@umbra/envoy-config";
import type { Headers, ObserveExchange, StreamInfo, StreamOutcome } from "@umbra/ext-proc";
import type { LegRecorder, Recorder } from "@umbra/shadow";
import type { WorkShare } from "../answers/work-share.ts";
import type { Lane } from "../decision/request-account.ts";
import type { PoolRegistry } from "../pools/pool-registry.ts";
import type { ServedPool } from "../pools/served-pool.ts";
import { createLegShare, type LegShare } from "./leg-share.ts";
import {
  type LiveLeg,
  type LiveRequest,
  LiveTwin,
  type MeasuredLeg,
  type PickedLeg,
} from "./live-request.ts";
import type { LiveRequests } from "./live-requests.ts";

export interface ObserveOptions {
  readonly recorder: Recorder<LiveRequest>;
  readonly pools: PoolRegistry;
  readonly live: LiveRequests;
  /** Timeout of a mirror's twins, in ms. */
  readonly timeoutOf: (mirror: string) => number | undefined;
  /** Time budget of this thread for all recorded shadow answers. */
  readonly shadowShare: WorkShare;
  /** Called if measuring a leg is skipped or stopped: too many legs, or the leg or its lane exceeded its limit. */
  readonly onOverload: (lane: Lane) => void;
  /** Monotonic, in ms. */
  readonly now: () => number;
}

/** Cost of a chunk and of each byte for this thread, in ms. */
const chunkMs = 0.006;
const byteMs = 0.000_002;
const nothing = new Uint8Array();

/** Sends the recorded answer of one request to the recorder. */
export function observeExchange(
  { metadata }: StreamInfo,
  options: ObserveOptions,
): ObserveExchange {
  const isTwin = metadata.get(streamMetadata.lane) === "shadow";
  const mirror = isTwin ? (metadata.get(streamMetadata.mirrors) ?? "") : undefined;
  return new Observed(metadata.get(streamMetadata.pool) ?? "", mirror, options);
}

interface End {
  readonly outcome: StreamOutcome;
  readonly over: () => void;
}

/** A stream that the pick did not mark for measuring ends at its first message, so it costs nothing more. */
class Observed implements ObserveExchange {
  readonly #options: ObserveOptions;
  readonly #pool: string;
  /** The mirror of a twin; undefined for the primary. */
  readonly #mirror: string | undefined;
  #leg: LiveLeg | undefined = undefined;
  /** The leg's pool, which stays until the leg's measurements are counted. */
  #served: ServedPool | undefined = undefined;
  /** Limits of the answer; undefined before its headers. */
  #share: LegShare | undefined = undefined;

  constructor(pool: string, mirror: string | undefined, options: ObserveOptions) {
    this.#options = options;
    this.#pool = pool;
    this.#mirror = mirror;
  }

  onRequestHeaders(headers: Headers): "end" | undefined {
    const leg = this.#options.live.observe(headers.get("x-request-id") ?? "", this.#mirror);
    if (leg?.measured === undefined) return "end";
    this.#leg = leg;
    this.#served = this.#options.pools.get(this.#pool);
    this.#served?.enter();
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
    const contentType = headers.get("content-type") ?? "";
    const isStream = contentType.startsWith("text/event-stream");
    this.#share = createLegShare({ isStream });
    this.#leg?.request.compared?.takeHeaders(this.#mirror, headers);
    this.#leg?.measured?.recorder?.responseHeaders({
      status: Number(headers.get(":status") ?? 0),
      contentType,
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
    const nowMs = this.#options.now();
    if (this.#share?.takes(chunk.length, nowMs) === false) {
      // A twin that sends without end is not only ignored but ended.
      if (this.#leg instanceof LiveTwin) this.#options.live.endTwin(this.#leg);
      return this.#overload();
    }
    if (!this.#shadowsHaveShare(chunk.length, nowMs)) return this.#overload();
    // The reader counts answers that it does not accept.
    if (!recorder.responseBody(chunk, endOfStream)) return this.#cut();
    this.#leg?.request.texts?.add(this.#mirror, chunk);
    return undefined;
  }

  /** An answer that Envoy's bandwidth limit delayed does not show the shadow's speed. */
  onResponseTrailers(trailers: Headers): void {
    if (Number(trailers.get(answerDelayTrailer) ?? 0) > 0) this.#overload();
    else this.#leg?.measured?.recorder?.responseBody(nothing, true);
  }

  #shadowsHaveShare(chunkBytes: number, nowMs: number): boolean {
    if (this.#mirror === undefined) return true;
    const { shadowShare } = this.#options;
    // Estimated, because reading a clock for each chunk would cost as much as the chunk.
    shadowShare.spent(chunkMs + chunkBytes * byteMs);
    return shadowShare.hasRoom(nowMs);
  }

  #overload(): "end" {
    this.#options.onOverload(this.#lane);
    return this.#cut();
  }

  /** Stops measuring. The answer itself continues; only its recording ends. */
  #cut(): "end" {
    const measured = this.#leg?.measured;
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
    // After the leg, which may end a few ms later: the request is removed with its last stream.
    const over = () => {
      this.#options.live.streamOver(request);
      this.#served?.leave();
    };
    if (measured?.recorder === undefined) over();
    else this.#end(measured, measured.recorder, { outcome, over });
  }

  #end(measured: MeasuredLeg, recorder: LegRecorder, { outcome, over }: End): void {
    const { isCut } = measured;
    measured.isWhole = outcome === "complete" && !isCut;
    recorder.end(isCut ? "cancelled" : outcome, () => {
      measured.hasEnded = true;
      over();
    });
    measured.recorder = undefined;
  }

  /** Starts to measure; undefined if too many answers are measured already. */
  #begin(request: LiveRequest, picked: PickedLeg): LegRecorder | undefined {
    const { live, recorder, timeoutOf } = this.#options;
    const isPrimary = this.#mirror === undefined;
    if (isPrimary && live.isShared(request)) return undefined;
    request.pairing ??= recorder.open(request);
    const leg = request.pairing.begin({
      ...picked,
      requestId: request.requestId,
      lane: isPrimary ? "primary" : "shadow",
      pool: this.#pool,
      timeoutMs: isPrimary ? undefined : timeoutOf(this.#mirror),
      readAnswer: request.compared?.readerOf(this.#mirror),
    });
    if (leg === undefined) this.#options.onOverload(this.#lane);
    return leg;
  }
}

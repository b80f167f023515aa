import { streamMetadata } from "@umbra/envoy-config";
import type { Headers, ObserveExchange, StreamInfo, StreamOutcome } from "@umbra/ext-proc";
import type { LegRecorder, Recorder } from "@umbra/shadow";
import type { LiveLeg, LiveRequest, PickedLeg } from "./live-request.ts";
import type { LiveRequests } from "./live-requests.ts";

export interface ObserveOptions {
  readonly recorder: Recorder<LiveRequest>;
  readonly live: LiveRequests;
  /** How long a mirror's copies may take, in ms. */
  readonly timeoutOf: (mirror: string) => number | undefined;
}

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
    if (endOfStream) this.#leg?.measured?.recorder?.responseBody(new Uint8Array(), true);
  }

  onResponseBody(chunk: Uint8Array, endOfStream: boolean): void {
    this.#leg?.measured?.recorder?.responseBody(chunk, endOfStream);
    this.#leg?.request.texts?.add(this.#mirror, chunk);
  }

  onEnd(outcome: StreamOutcome): void {
    if (this.#leg === undefined) return;
    const { measured, request } = this.#leg;
    if (measured !== undefined) {
      measured.hasEnded = true;
      measured.isWhole = outcome === "complete";
      // Before its stream is: with the last one the request is given up.
      measured.recorder?.end(outcome);
      measured.recorder = undefined;
    }
    this.#options.live.streamOver(request);
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

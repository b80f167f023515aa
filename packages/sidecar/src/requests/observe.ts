import { streamMetadata } from "@umbra/envoy-config";
import type { Headers, ObserveExchange, StreamInfo, StreamOutcome } from "@umbra/ext-proc";
import type { LegRecorder, Recorder } from "@umbra/shadow";
import type { Captures } from "../capture/captures.ts";
import type { Lane } from "../decision/request-account.ts";
import type { LiveRequest, LiveRequests, PickedLeg } from "./live-requests.ts";

export interface ObserveOptions {
  readonly recorder: Recorder;
  readonly live: LiveRequests;
  /** Absent unless text is to be kept. */
  readonly captures: Captures | undefined;
  /** How long a mirror's copies may take, in ms. */
  readonly timeoutOf: (mirror: string) => number | undefined;
}

/**
 * Feeds the recorder with the copies of one request's answer. What the pick has not marked for measuring ends at its
 * first message: from then on it costs nothing.
 */
export function observeExchange(stream: StreamInfo, options: ObserveOptions): ObserveExchange {
  const isTwin = stream.metadata.get(streamMetadata.lane) === "shadow";
  const pool = stream.metadata.get(streamMetadata.pool) ?? "";
  if (!isTwin) return new ObservedPrimary(pool, options);
  return new ObservedTwin(pool, stream.metadata.get(streamMetadata.mirrors) ?? "", options);
}

abstract class Observed implements ObserveExchange {
  protected readonly options: ObserveOptions;
  protected request: LiveRequest | undefined = undefined;
  readonly #pool: string;
  #leg: LegRecorder | undefined = undefined;
  #lease: PickedLeg["lease"] = undefined;

  /** The mirror whose answer this is; empty for the primary's. */
  protected abstract readonly mirror: string;

  constructor(pool: string, options: ObserveOptions) {
    this.options = options;
    this.#pool = pool;
  }

  abstract onRequestHeaders(headers: Headers): "end" | undefined;

  onResponseHeaders(headers: Headers, attributes: Headers, endOfStream: boolean): void {
    const encoding = headers.get("content-encoding");
    const servedBy = attributes.get("upstream.address");
    if (servedBy !== undefined) this.#lease?.servedBy(servedBy);
    const attempts = Number(attributes.get("upstream.request_attempt_count") ?? Number.NaN);
    const details = attributes.get("response.code_details");
    this.#leg?.responseHeaders({
      status: Number(headers.get(":status") ?? 0),
      contentType: headers.get("content-type") ?? "",
      isLocalReply: details !== undefined && details !== "via_upstream",
      ...(encoding === undefined ? {} : { contentEncoding: encoding }),
      ...(servedBy === undefined ? {} : { servedBy }),
      ...(Number.isFinite(attempts) ? { attempts } : {}),
    });
    if (endOfStream) this.#leg?.responseBody(new Uint8Array(), true);
  }

  onResponseBody(chunk: Uint8Array, endOfStream: boolean): void {
    this.#leg?.responseBody(chunk, endOfStream);
    if (this.request === undefined) return;
    this.options.captures?.answer(this.request.requestId, this.mirror, chunk);
  }

  onEnd(outcome: StreamOutcome): void {
    if (this.request !== undefined) {
      this.answered(this.request, outcome);
      this.options.live.streamOver(this.request);
    }
    this.#leg?.end(outcome);
  }

  /** The answer is over. */
  protected answered(_request: LiveRequest, _outcome: StreamOutcome): void {}

  /** Begins to measure; undefined where too much is measured already. */
  protected measure(
    request: LiveRequest,
    lane: Lane,
    picked: PickedLeg,
    timeoutMs: number | undefined,
  ): LegRecorder | undefined {
    const { model, session } = picked;
    this.request = request;
    this.#lease = picked.lease;
    this.#leg = this.options.recorder.begin({
      requestId: request.requestId,
      lane,
      pool: this.#pool,
      stream: picked.isStream,
      promptBytes: picked.bodyBytes,
      dispatchedAt: picked.dispatchedAt,
      endpoint: picked.endpoint,
      mirrors: picked.mirrors,
      unmirrored: picked.unmirrored,
      ...(model === undefined ? {} : { model }),
      ...(session === undefined ? {} : { session }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    return this.#leg;
  }
}

class ObservedPrimary extends Observed {
  protected readonly mirror = "";

  onRequestHeaders(headers: Headers): "end" | undefined {
    const found = this.options.live.observe(headers.get("x-request-id") ?? "");
    if (found === undefined) return "end";
    const { live: request, picked } = found;
    request.isMeasured = this.measure(request, "primary", picked, undefined) !== undefined;
    return request.isMeasured ? undefined : "end";
  }

  protected override answered(request: LiveRequest, outcome: StreamOutcome): void {
    if (outcome === "complete") request.isAnswered = true;
  }
}

class ObservedTwin extends Observed {
  protected readonly mirror: string;

  constructor(pool: string, mirror: string, options: ObserveOptions) {
    super(pool, options);
    this.mirror = mirror;
  }

  onRequestHeaders(headers: Headers): "end" | undefined {
    const { live, timeoutOf } = this.options;
    const found = live.observeTwin(headers.get("x-request-id") ?? "", this.mirror);
    if (found === undefined) return "end";
    const { live: twin, picked } = found;
    twin.leg = this.measure(twin.request, "shadow", picked, timeoutOf(this.mirror));
    return twin.leg === undefined ? "end" : undefined;
  }
}

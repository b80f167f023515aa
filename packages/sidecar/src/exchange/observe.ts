import { streamMetadata } from "@umbra/envoy-config";
import type { ObserveExchange, StreamInfo } from "@umbra/ext-proc";
import type { LegRecorder, Recorder } from "@umbra/shadow";
import type { Captures } from "../capture/captures.ts";
import { memoKey, type PickedRequest, type PickMemo } from "./pick-memo.ts";
import type { TwinWatch } from "./twin-watch.ts";

export interface ObserveOptions {
  readonly recorder: Recorder;
  readonly memo: PickMemo;
  readonly watch: TwinWatch;
  /** Absent unless text is to be kept. */
  readonly captures: Captures | undefined;
  /** How long a mirror's copies may take, in ms. */
  readonly timeoutOf: (mirror: string) => number | undefined;
}

/**
 * Feeds the recorder with the copies of one request's answer. What the pick has not marked for measuring ends at its
 * first message: from then on it costs nothing.
 */
export function observeExchange(
  stream: StreamInfo,
  { recorder, memo, watch, captures, timeoutOf }: ObserveOptions,
): ObserveExchange {
  const lane = stream.metadata.get(streamMetadata.lane) === "shadow" ? "shadow" : "primary";
  const pool = stream.metadata.get(streamMetadata.pool) ?? "";
  const mirrors = stream.metadata.get(streamMetadata.mirrors) ?? "";
  let leg: LegRecorder | undefined;
  let lease: PickedRequest["lease"];
  let requestId = "";

  return {
    onRequestHeaders(headers) {
      requestId = headers.get("x-request-id") ?? "";
      const picked = memo.take(memoKey(lane, mirrors, requestId));
      if (picked?.isObserved !== true) return "end";
      const { model, session } = picked;
      lease = picked.lease;
      const timeoutMs = lane === "shadow" ? timeoutOf(mirrors) : undefined;
      leg = recorder.begin({
        requestId,
        lane,
        pool,
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
      if (leg === undefined) return "end";
      if (lane === "shadow") watch.twinObserved(requestId, mirrors, leg);
      return undefined;
    },

    onResponseHeaders(headers, attributes, endOfStream) {
      const encoding = headers.get("content-encoding");
      const servedBy = attributes.get("upstream.address");
      if (servedBy !== undefined) lease?.servedBy(servedBy);
      const attempts = Number(attributes.get("upstream.request_attempt_count") ?? Number.NaN);
      const details = attributes.get("response.code_details");
      leg?.responseHeaders({
        status: Number(headers.get(":status") ?? 0),
        contentType: headers.get("content-type") ?? "",
        isLocalReply: details !== undefined && details !== "via_upstream",
        ...(encoding === undefined ? {} : { contentEncoding: encoding }),
        ...(servedBy === undefined ? {} : { servedBy }),
        ...(Number.isFinite(attempts) ? { attempts } : {}),
      });
      if (endOfStream) leg?.responseBody(new Uint8Array(), true);
    },

    onResponseBody(chunk, endOfStream) {
      leg?.responseBody(chunk, endOfStream);
      if (leg !== undefined) captures?.answer(requestId, lane === "shadow" ? mirrors : "", chunk);
    },

    onEnd(outcome) {
      if (lane === "primary" && outcome === "complete") watch.primaryAnswered(requestId);
      leg?.end(outcome);
    },
  };
}

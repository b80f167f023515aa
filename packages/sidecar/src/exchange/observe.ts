import { destinationHeader, streamMetadata } from "@umbra/envoy-config";
import type { ObserveExchange, StreamInfo } from "@umbra/ext-proc";
import type { LegRecorder, Recorder } from "@umbra/shadow";
import { memoKey, type PickMemo } from "./pick-memo.ts";

export interface ObserveOptions {
  readonly recorder: Recorder;
  readonly memo: PickMemo;
}

/** Requests whose answers are measured. */
const measuredPaths = /^\/v1\/(?:chat\/completions|completions|responses|messages)(?:\?|$)/;

/** Feeds the recorder with the copies of one request's answer. */
export function observeExchange(
  stream: StreamInfo,
  { recorder, memo }: ObserveOptions,
): ObserveExchange {
  const lane = stream.metadata.get(streamMetadata.lane) === "shadow" ? "shadow" : "primary";
  const pool = stream.metadata.get(streamMetadata.pool) ?? "";
  const mirrors = stream.metadata.get(streamMetadata.mirrors) ?? "";
  let leg: LegRecorder | undefined;

  return {
    onRequestHeaders(headers) {
      const requestId = headers.get("x-request-id");
      const path = headers.get(":path") ?? "";
      if (requestId === undefined || headers.get(":method") !== "POST") return "end";
      const picked = memo.take(memoKey(lane, mirrors, requestId));
      if (!measuredPaths.test(path)) return "end";
      leg = recorder.begin({
        requestId,
        lane,
        pool,
        path,
        isMirrored: mirrors !== "",
        ...(picked === undefined ? {} : { stream: picked.isStream }),
        ...(picked?.model === undefined ? {} : { model: picked.model }),
      });
      if (leg === undefined) return "end";
      const destination = picked?.endpoint ?? headers.get(destinationHeader)?.split(",", 1)[0];
      if (destination !== undefined) leg.dispatched(destination);
      return undefined;
    },

    onResponseHeaders(headers, attributes) {
      leg?.responseHeaders(
        Number(headers.get(":status") ?? 0),
        headers.get("content-type") ?? "",
        headers.get("content-encoding"),
        attributes.get("upstream.address"),
      );
    },

    onResponseBody(chunk, endOfStream) {
      leg?.responseBody(chunk, endOfStream);
    },

    onEnd(outcome) {
      leg?.end(outcome);
    },
  };
}

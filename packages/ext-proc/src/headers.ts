import type { Headers } from "./exchange.ts";
import type { HeaderMap } from "./gen/envoy/config/core/v3/base_pb.ts";

/** Reads a header map. `raw_value` wins over `value`; bytes that are no UTF-8 are replaced, in this copy only. */
export function readHeaders(map: HeaderMap | undefined): Headers {
  const headers = new Map<string, string>();
  if (map === undefined) return headers;
  for (const { key, value, rawValue } of map.headers) {
    if (headers.has(key)) continue;
    headers.set(key, rawValue.length > 0 ? text(rawValue) : value);
  }
  return headers;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

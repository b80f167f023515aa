import { defaultAttempts } from "../retry-attempts.ts";
import type { Retry } from "../topology.ts";
import { durationMs } from "./duration.ts";
import type { Reader } from "./reader.ts";

/** Reads `retry` of a rule (GEP-1731). The API only allows error codes. */
export function readRetry(from: Reader): Retry {
  const attempts = from.integer("attempts", 0, 2 ** 31 - 1) ?? defaultAttempts;
  const backoffMs = durationMs(from, "backoff") ?? 0;
  const codes = [...new Set(from.integers("codes", 400, 599))].toSorted((a, b) => a - b);
  return { codes, attempts, ...(backoffMs === 0 ? {} : { backoffMs }) };
}

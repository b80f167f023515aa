import { defaultAttempts } from "../retry-attempts.ts";
import type { Retry } from "../topology.ts";
import { durationMs } from "./duration.ts";
import type { Reader } from "./reader.ts";

/** Reads `retry` of a rule (GEP-1731). */
export function readRetry(from: Reader): Retry {
  const attempts = from.integer("attempts", 0, 2 ** 31 - 1) ?? defaultAttempts;
  const backoffMs = durationMs(from, "backoff");
  const codes = statusCodes(from);
  from.warnUnknown();
  return {
    codes,
    attempts,
    ...(backoffMs === undefined || backoffMs === 0 ? {} : { backoffMs }),
  };
}

/** The API takes those of errors alone. */
function statusCodes(from: Reader): readonly number[] {
  const read = from.integers("codes", 400, 599);
  return [...new Set(read)].toSorted((a, b) => a - b);
}

import type { Headers } from "@umbra/ext-proc";
import type { Logger } from "pino";
import { isRefusal, type Lane, type MadeDecision } from "./decision/request-account.ts";

/** Logs requests: at debug one line for each, at info a sample of those that are refused. Names and numbers, no text. */
export interface RequestLog {
  decided(lane: Lane, pool: string, headers: Headers | undefined, made: MadeDecision): void;
}

/** Between two samples, in ms: a client's mistakes must not fill the log. */
const sampleEveryMs = 1_000;
/** An id may be a client's own. */
const soundId = /^[\w.-]{1,128}$/;

export function createRequestLog(log: Logger, now: () => number): RequestLog {
  let nextSampleMs = Number.NEGATIVE_INFINITY;
  let unsaid = 0;

  function line(lane: Lane, pool: string, headers: Headers | undefined, made: MadeDecision) {
    const id = headers?.get("x-request-id") ?? "";
    const { outcome, reason, endpoint, tookMs, waitedMs } = made;
    return {
      requestId: soundId.test(id) ? id : undefined,
      lane,
      pool,
      endpoint,
      outcome,
      reason,
      tookMs,
      waitedMs,
    };
  }

  return {
    decided(lane, pool, headers, made) {
      const isRefused = isRefusal(made.outcome);
      const isSample = isRefused && now() >= nextSampleMs;
      if (isSample && log.isLevelEnabled("info")) {
        nextSampleMs = now() + sampleEveryMs;
        log.info({ ...line(lane, pool, headers, made), unsaid }, "a request was refused");
        unsaid = 0;
        return;
      }
      if (isRefused) unsaid++;
      if (log.isLevelEnabled("debug")) log.debug(line(lane, pool, headers, made), "request");
    },
  };
}

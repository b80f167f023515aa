import type { Headers } from "@umbra/ext-proc";
import type { Logger } from "pino";
import { isRefusal, type Lane, type MadeDecision } from "./decision/request-account.ts";

/** Logs requests: at debug level one line per request, at info level a sample of refused requests. Names and numbers, no text. */
export interface RequestLog {
  decided(lane: Lane, pool: string, headers: Headers | undefined, made: MadeDecision): void;
}

/** Minimum time between two samples, in ms, so that a client's errors can't fill the log. */
const sampleEveryMs = 1_000;
/** The id may come from a client, so it is checked. */
const soundId = /^[\w.-]{1,128}$/;

export function createRequestLog(log: Logger, now: () => number): RequestLog {
  let nextSampleMs = Number.NEGATIVE_INFINITY;
  let notLogged = 0;

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
        log.info({ ...line(lane, pool, headers, made), notLogged }, "a request was refused");
        notLogged = 0;
        return;
      }
      if (isRefused) notLogged++;
      if (log.isLevelEnabled("debug")) log.debug(line(lane, pool, headers, made), "request");
    },
  };
}

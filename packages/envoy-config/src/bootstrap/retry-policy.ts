import { defaultAttempts } from "../retry-attempts.ts";
import type { Route } from "../topology.ts";
import { duration, type EnvoyObject, extension } from "./envoy-object.ts";

/** What no model server has begun to work on. */
const untouched = "connect-failure,refused-stream,reset-before-request";

/** Each attempt takes the pick's next endpoint; behind the last of them Envoy balances. */
export function retryPolicy({ retry, backendTimeoutMs }: Route): EnvoyObject {
  const perTry =
    backendTimeoutMs === undefined ? {} : { per_try_timeout: duration(backendTimeoutMs) };
  const attempts = {
    num_retries: retry?.attempts ?? defaultAttempts,
    retry_host_predicate: [notTheSameHost],
    host_selection_retry_max_attempts: drawsForAnotherHost,
  };
  if (retry === undefined) return { retry_on: untouched, ...attempts, ...perTry };
  const { codes, backoffMs } = retry;
  return {
    // `reset` is also what an attempt that took too long ends with.
    retry_on: `${untouched},reset${codes.length > 0 ? ",retriable-status-codes" : ""}`,
    ...(codes.length > 0 ? { retriable_status_codes: codes } : {}),
    ...attempts,
    ...perTry,
    ...(backoffMs === undefined ? {} : { retry_back_off: backOff(backoffMs) }),
  };
}

function backOff(backoffMs: number): EnvoyObject {
  return { base_interval: duration(backoffMs), max_interval: duration(10 * backoffMs) };
}

/**
 * Of the whole request, in ms; 0, as Envoy has it, for no limit. Envoy ends an attempt at its own limit only until its answer begins, so without
 * retries that limit is the request's as well.
 */
export function requestTimeoutMs({
  retry,
  timeoutMs = noLimit,
  backendTimeoutMs = noLimit,
}: Route): number {
  const limitMs = retry === undefined ? Math.min(timeoutMs, backendTimeoutMs) : timeoutMs;
  return limitMs === noLimit ? 0 : limitMs;
}

const noLimit = Number.POSITIVE_INFINITY;

/** Of two hosts the dead one is idle, so that least request draws it up to 3 times of 4. After 20 more draws 1 retry of 400 is left with it. */
const drawsForAnotherHost = 20;

/** Takes none of the hosts that have failed before. */
export const notTheSameHost: EnvoyObject = extension(
  "envoy.retry_host_predicates.previous_hosts",
  "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
);

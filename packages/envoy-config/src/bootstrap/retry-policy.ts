import { defaultAttempts } from "../retry-attempts.ts";
import type { Route } from "../topology.ts";
import { duration, type EnvoyObject, extension } from "./envoy-object.ts";

/** Retry conditions in which no model server has started to process the request. */
const untouched = "connect-failure,refused-stream,reset-before-request";

/** Each attempt uses the next picked endpoint. After the last one, Envoy balances. */
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
    // `reset` also covers attempts that timed out.
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
 * Timeout of the whole request, in ms; 0 means no limit, as in Envoy. Envoy applies the limit of an attempt only until
 * its answer begins, so without retries that limit also applies to the request.
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

/** Of two hosts, the dead one is idle, so least request selects it up to 3 times in 4. With 20 more draws, only 1 retry in 400 still selects it. */
const drawsForAnotherHost = 20;

/** Excludes hosts that already failed. */
export const notTheSameHost: EnvoyObject = extension(
  "envoy.retry_host_predicates.previous_hosts",
  "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
);

import { isKubernetesError, KubernetesError } from "../api/kubernetes-error.ts";
import type { Outcome } from "./follow-state.ts";

/** What a failed request means for following. */
export function outcomeOf(error: KubernetesError): Outcome {
  switch (error.code) {
    case "UNREACHABLE":
    case "TIMEOUT":
      return { kind: "unreachable" };
    case "REFUSED":
      return outcomeOfStatus(error.status ?? 0, error.retryAfterMs);
    case "TOO_LARGE":
    case "INVALID_ANSWER":
      return { kind: "failed", isRefused: true };
    case "SILENT":
    case "BROKEN_OFF":
    case "INVALID_CONFIG":
    case "NO_CREDENTIALS":
    case "ABORTED":
      return { kind: "failed", isRefused: false };
  }
}

/** What an HTTP status of 400 or more means, of an answer or of an ERROR event. */
export function outcomeOfStatus(status: number, retryAfterMs?: number): Outcome {
  switch (status) {
    case 403:
      return { kind: "forbidden" };
    case 404:
      return { kind: "absent" };
    case 410:
      return { kind: "expired" };
    case 429:
      return { kind: "throttled", ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    default:
      return {
        kind: "failed",
        isRefused: (status >= 400 && status < 500 && status !== 401) || status === 504,
      };
  }
}

/** Anything thrown, as one of our errors. */
export function errorOf(cause: unknown): KubernetesError {
  if (isKubernetesError(cause)) return cause;
  return new KubernetesError("INVALID_ANSWER", String(cause), { cause });
}

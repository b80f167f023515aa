/** What went wrong with a request to the API server, or before it. Stable: shows in logs and metric labels. */
export type KubernetesErrorCode =
  /** The kubeconfig or the in-cluster identity can't be used. */
  | "INVALID_CONFIG"
  /** The credentials could not be had, for example because their program failed. */
  | "NO_CREDENTIALS"
  /** No answer: refused, no name, no trusted certificate. */
  | "UNREACHABLE"
  /** No answer in time. */
  | "TIMEOUT"
  /** An answer began, and then nothing more came in time. */
  | "SILENT"
  /** An answer began, and the connection ended before it. */
  | "BROKEN_OFF"
  /** An answer with a status of 400 or more; see `status`. */
  | "REFUSED"
  /** An answer or an event is larger than its limit. */
  | "TOO_LARGE"
  /** An answer that is no JSON, or not what the API says. */
  | "INVALID_ANSWER"
  /** The caller ended it. */
  | "ABORTED";

/** A request to the API server failed. Branch on `code`; the message is for people and holds no secrets. */
export class KubernetesError extends Error {
  override readonly name = "KubernetesError";
  readonly code: KubernetesErrorCode;
  /** HTTP status, with `REFUSED`. */
  readonly status: number | undefined;
  /** What a Retry-After header asks for, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(code: KubernetesErrorCode, message: string, details: KubernetesErrorDetails = {}) {
    super(message, "cause" in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
  }
}

export interface KubernetesErrorDetails {
  readonly status?: number;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** Whether `error` is ours. True across copies of this package and realms, where `instanceof` is not. */
export function isKubernetesError(error: unknown): error is KubernetesError {
  return (
    typeof error === "object" &&
    error !== null &&
    "code" in error &&
    "name" in error &&
    error.name === "KubernetesError"
  );
}

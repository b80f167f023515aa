/** How an endpoint answered one request. */
export interface EndpointAnswer {
  /** HTTP status of the answer; absent if there was none or it is unknown. */
  readonly status?: number;
  /**
   * False if the endpoint failed regardless of the status: no connection, a reset, a timeout, or an answer that broke
   * off or contains an error. Otherwise the status decides; without a status the answer counts as good.
   */
  readonly ok?: boolean;
  /** Time to the first token of a good answer, in ms. */
  readonly ttftMs?: number;
}

/**
 * What an answer shows about its endpoint. `good`: it works. `failed`: it does not work. `busy`: it reports that it is
 * saturated, which may be wrong. `refused`: an error that may be the client's fault; comparing error shares between
 * endpoints shows whose fault it is.
 */
export type AnswerKind = "good" | "failed" | "busy" | "refused";

/** Some servers answer 529 when they are overloaded. */
const busyStatuses: ReadonlySet<number> = new Set([429, 503, 529]);
/** 501 is about the request. If it counted as a failure, a single client could eject every endpoint. */
const notImplemented = 501;

export function answerKind({ status, ok }: EndpointAnswer): AnswerKind {
  if (ok === false) return "failed";
  if (status === undefined || !isErrorStatus(status)) return "good";
  if (busyStatuses.has(status)) return "busy";
  return status >= 500 && status !== notImplemented ? "failed" : "refused";
}

const notModified = 304;

/**
 * True for statuses of 400 and above and for redirects (to a login page or to HTTPS, for example): a model server that
 * redirects does not serve the request.
 */
export function isErrorStatus(status: number): boolean {
  return status >= 300 && status !== notModified;
}

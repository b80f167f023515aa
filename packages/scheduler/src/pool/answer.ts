/** How an endpoint has answered one request. */
export interface EndpointAnswer {
  /** The answer's HTTP status; absent where none came, or nobody knows it. */
  readonly status?: number;
  /**
   * False where the endpoint has failed whatever the status says: no connection, a reset, a timeout, an answer that
   * broke off or holds an error. Absent or true: the status decides, and without a status the answer is good.
   */
  readonly ok?: boolean;
  /** Of an answer that is good: time to its first token, in ms. */
  readonly ttftMs?: number;
}

/**
 * What an answer says about its endpoint. `good`: it works. `failed`: it does not. `busy`: it is full, or it only says
 * so. `refused`: an error that may be the client's fault; told apart from the endpoint's by what the others answer.
 */
export type AnswerKind = "good" | "failed" | "busy" | "refused";

/** 529 is what some servers answer when they are overloaded. */
const busyStatuses: ReadonlySet<number> = new Set([429, 503, 529]);
/** "Not implemented" is about the request: a client could eject every endpoint with it. */
const notImplemented = 501;

export function answerKind({ status, ok }: EndpointAnswer): AnswerKind {
  if (ok === false) return "failed";
  if (status === undefined || !isErrorStatus(status)) return "good";
  if (busyStatuses.has(status)) return "busy";
  return status >= 500 && status !== notImplemented ? "failed" : "refused";
}

const notModified = 304;

/**
 * True for a status of 400 and above, and for a redirect: to a page to log in, say, or to HTTPS. A model server that
 * redirects serves nothing.
 */
export function isErrorStatus(status: number): boolean {
  return status >= 300 && status !== notModified;
}

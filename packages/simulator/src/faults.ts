/** How a simulated server misbehaves, for tests. */
export interface Faults {
  /** Answers every completion with this status. */
  readonly statusForRequests?: number;
  /** Accepts connections and reads nothing of a request's body. */
  readonly stallReads?: boolean;
  /** Reads requests and never answers them. */
  readonly hang?: boolean;
  /** Waits before it answers, in ms. */
  readonly delayMs?: number;
  /** Cuts the connection after so many tokens of a stream. */
  readonly cutAfterTokens?: number;
  readonly metrics?: "ok" | "hang" | "500";
}

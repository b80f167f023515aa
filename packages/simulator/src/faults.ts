/** Faults of a simulated server, for tests. */
export interface Faults {
  /** Answers every completion with this status. */
  readonly statusForRequests?: number;
  /** Accepts connections but does not read request bodies. */
  readonly stallReads?: boolean;
  /** Reads requests but never answers them. */
  readonly hang?: boolean;
  /** Delay before each answer, in ms. */
  readonly delayMs?: number;
  /** Closes the connection after this many tokens of a stream. */
  readonly cutAfterTokens?: number;
  readonly metrics?: "ok" | "hang" | "500";
}

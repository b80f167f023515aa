/**
 * What a process that picks in a pool tells the others that pick in the same pool, so that they do not all send to the
 * endpoint that seems idle.
 */
export interface PeerReport {
  /** Endpoints with requests in flight; the others have none. */
  readonly loads: readonly PeerLoad[];
  /** Prompts sent since the last report, oldest first. */
  readonly prompts: readonly SentPrompt[];
}

/** What one process has in flight at one endpoint. Whole numbers of at least 0. */
export interface PeerLoad {
  /** `ip:port` */
  readonly address: string;
  readonly inFlight: number;
  /** As in `Endpoint`. */
  readonly pendingPromptTokens: number;
  /** As in `Endpoint`. */
  readonly pendingOutputTokens: number;
}

/** The prompt of one request, as the hashes of its blocks. */
export interface SentPrompt {
  /** The endpoint that got it. */
  readonly address: string;
  readonly hashes: Int32Array;
}

/** Most processes whose reports a pool keeps; those of further ones are ignored. */
export const maxPeers = 64;

import type { Kind } from "./kind.ts";

/** One request of a client, of either protocol. */
export interface ClientRequest {
  readonly kind: Kind;
  /** Nonce of the answer that the client took or refused; empty in a stream's first request of a kind. */
  readonly nonce: string;
  /** Set where the client refused that answer: its own words. */
  readonly error?: string;
  readonly change: NamesInFull | NamesByChange;
}

/** State of the world: each request lists every name that the client wants. */
export interface NamesInFull {
  readonly form: "full";
  readonly names: readonly string[];
  /** The version that the client has, empty for none. */
  readonly version: string;
}

/** Delta: a request lists what changes in the names that the client wants. */
export interface NamesByChange {
  readonly form: "delta";
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** What a client that connects again has: versions by name. */
  readonly initialVersions: ReadonlyMap<string, string>;
}

/** A request that goes beyond what a stream may ask for: it ends that stream and nothing else. */
export class TooManyNames extends Error {
  override readonly name = "TooManyNames";
}

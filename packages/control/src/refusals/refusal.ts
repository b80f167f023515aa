import type { Kind } from "@umbra/xds";

/** Content that every connected Envoy has refused. */
export interface Refusal {
  readonly kind: Kind;
  /** The resource's name. */
  readonly name: string;
  /** The refused version. */
  readonly version: string;
  /** Envoy's words. */
  readonly message: string;
}

/** Envoy's words about a certificate may quote it. */
export function wordsOf({ kind, message }: Pick<Refusal, "kind" | "message">): string {
  return kind === "sds" ? "not shown, as it may quote the certificate or its key" : message;
}

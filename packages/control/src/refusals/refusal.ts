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
  /** Whether some Envoy has an earlier form of it; absent: that is not known. */
  readonly hasEarlierForm?: boolean;
}

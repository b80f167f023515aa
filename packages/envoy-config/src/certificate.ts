/** A certificate chain and its key, in PEM. No part of the topology: it is printed, and these may not be. */
export interface Certificate {
  readonly chain: string;
  readonly privateKey: string;
}

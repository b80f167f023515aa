/** A certificate chain and its key, in PEM. Not part of the topology, because the topology is printed. */
export interface Certificate {
  readonly chain: string;
  readonly privateKey: string;
}

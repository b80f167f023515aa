/** A metric's name with the reference endpoint picker: it counts the same, of clients' requests alone. */
export interface CompatibleName {
  /** Without the prefix. */
  readonly name: string;
  /** None when absent. */
  readonly labels?: readonly string[];
  /** What is not as in the reference. */
  readonly note?: string;
  /** Those of our own metric when absent. */
  readonly bounds?: readonly number[];
}

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
  /**
   * Label values for a row of our own metric; undefined leaves it out. Rows with the same values are added up. Absent:
   * the compatible metric is counted on its own.
   */
  readonly row?: (own: readonly string[]) => LabelRow | undefined;
}

type Value = string | undefined;
export type LabelRow = readonly [a?: Value, b?: Value, c?: Value, d?: Value, e?: Value];

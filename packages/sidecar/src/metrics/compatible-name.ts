/** The name of an equivalent metric in the reference endpoint picker, which only counts client requests. */
export interface CompatibleName {
  /** Without the prefix. */
  readonly name: string;
  /** None when absent. */
  readonly labels?: readonly string[];
  /** Differences from the reference. */
  readonly note?: string;
  /** The bounds of Umbra's own metric when absent. */
  readonly bounds?: readonly number[];
  /**
   * Returns the label values for a row of Umbra's own metric, or undefined to omit it. Rows with the same values are
   * summed. Absent: the compatible metric is counted separately.
   */
  readonly row?: (own: readonly string[]) => LabelRow | undefined;
}

type Value = string | undefined;
export type LabelRow = readonly [a?: Value, b?: Value, c?: Value, d?: Value, e?: Value];

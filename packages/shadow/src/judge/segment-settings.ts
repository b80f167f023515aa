/** What requests may be grouped by, as in a ShadowPolicy. */
export const segmentKinds = [
  "model",
  "path",
  "stream",
  "promptTokens",
  "shape",
  "priority",
  "decode",
  "script",
] as const;

export type SegmentKind = (typeof segmentKinds)[number];

/** How kinds of requests are compared. */
export interface SegmentSettings {
  readonly by: readonly SegmentKind[];
  /** Fewest pairs of a kind that is tested; smaller ones are shown. */
  readonly minPairs: number;
  /** Expected share of false flags among all flags. */
  readonly q: number;
  /** What a flag does: `hold` keeps the verdict from PASS, `warn` is only shown. */
  readonly effect: "hold" | "warn";
}

const standard: SegmentSettings = { by: segmentKinds, minPairs: 200, q: 0.1, effect: "hold" };

/** Fills in defaults. */
export function segmentSettings(given: Partial<SegmentSettings> = {}): SegmentSettings {
  return { ...standard, ...given };
}

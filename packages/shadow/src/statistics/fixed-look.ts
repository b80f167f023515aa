import type { Bounds } from "./confidence-sequence.ts";
import { studentQuantile } from "./student-t.ts";

/** Two-sided t interval of a mean, for one look at independent values: it describes, and no gate uses it. */
export function meanInterval(values: readonly number[], confidence: number): Bounds {
  const n = values.length;
  const mean = values.reduce((sum, x) => sum + x, 0) / n;
  const sd = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1));
  const radius = (studentQuantile((1 + confidence) / 2, n - 1) * sd) / Math.sqrt(n);
  return { lower: mean - radius, upper: mean + radius };
}

import { cutBlocks, normalQuantile, studentQuantile } from "@umbra/shadow/statistics";
import { decide, type Limits, type Method, runningMoments } from "./method.ts";

const looks = 5;
/** O'Brien and Fleming (1979) at the last of five looks, by one-sided error. Jennison and Turnbull (1999), table 2.3. */
const lastBound: Readonly<Record<"0.05" | "0.005", number>> = { "0.05": 1.751, "0.005": 2.605 };
const [minPairs, minBlocks, blockMs] = [50, 4, 60_000];

/** Five looks with O'Brien and Fleming's bounds, on pairs. */
export const groupSequentialPairs: Method = (series, limits) =>
  atEachLook(series, limits, (end) => {
    if (end < minPairs) return undefined;
    const all = runningMoments();
    for (let i = 0; i < end; i++) all.add(series.logRatio[i] ?? 0);
    return { mean: all.mean, error: all.sd / Math.sqrt(all.count), widening: 1 };
  });

/** The same on blocks of 60 s, with t in the place of z. */
export const groupSequentialBlocks: Method = (series, limits) =>
  atEachLook(series, limits, (end) => {
    const atMs = series.atS.subarray(0, end).map((s) => s * 1_000);
    const { count, mean, sd } = cutBlocks(atMs, series.logRatio.subarray(0, end), blockMs);
    if (count < minBlocks) return undefined;
    const widening = studentQuantile(0.95, count - 1) / normalQuantile(0.95);
    return { mean, error: sd / Math.sqrt(count), widening };
  });

interface Estimate {
  readonly mean: number;
  readonly error: number;
  readonly widening: number;
}

function atEachLook(
  { atS, fromS, toS }: Parameters<Method>[0],
  limits: Limits,
  estimate: (end: number) => Estimate | undefined,
): ReturnType<Method> {
  for (let look = 1; look <= looks; look++) {
    const stop = fromS + ((toS - fromS) * look) / looks;
    const end = atS.findLastIndex((at) => at <= stop) + 1;
    const found = estimate(end);
    if (found === undefined) continue;
    const scale = found.error * found.widening * Math.sqrt(looks / look);
    const verdict = decide(
      {
        mean: found.mean,
        passRadius: lastBound["0.05"] * scale,
        failRadius: lastBound["0.005"] * scale,
      },
      limits,
    );
    if (verdict !== "OPEN") return { verdict, atS: stop };
  }
  return { verdict: "OPEN", atS: toS };
}

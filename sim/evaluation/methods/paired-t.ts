import { studentQuantile } from "@umbra/shadow/statistics";
import { type Decision, decide, type Method, runningMoments } from "./method.ts";

/** A paired t test on the log ratios of all pairs, looked at once. */
export const pairedT: Method = ({ logRatio, toS }, limits) => {
  const all = runningMoments();
  for (const value of logRatio) all.add(value);
  return { verdict: verdictOf(all, limits), atS: toS };
};

const minPairs = 200;

/** The same test each 60 s; the first decision stands. This is how dashboards are read. */
export const peekedT: Method = ({ logRatio, atS, fromS, toS }, limits) => {
  const all = runningMoments();
  let next = fromS + 60;
  for (const [i, value] of logRatio.entries()) {
    const now = atS[i] ?? 0;
    if (now >= next) {
      next += 60 * Math.ceil((now - next + 1e-9) / 60);
      const verdict = all.count < minPairs ? "OPEN" : verdictOf(all, limits);
      if (verdict !== "OPEN") return { verdict, atS: now };
    }
    all.add(value);
  }
  return { verdict: verdictOf(all, limits), atS: toS };
};

function verdictOf(
  { count, mean, sd }: ReturnType<typeof runningMoments>,
  limits: Parameters<typeof decide>[1],
): Decision["verdict"] {
  const error = sd / Math.sqrt(count);
  return decide(
    {
      mean,
      passRadius: studentQuantile(1 - limits.passAlpha, count - 1) * error,
      failRadius: studentQuantile(1 - limits.failAlpha, count - 1) * error,
    },
    limits,
  );
}

import { type Comparison, compareReports, type ShadowReport } from "@umbra/shadow";
import { UsageError } from "../errors.ts";

/** Returns the earlier report to compare with; undefined if there is none. */
export type EarlierOf = (report: ShadowReport) => ShadowReport | undefined;

/**
 * Finds the earlier report of each candidate: the report with the same route and pool. A single candidate is always
 * compared with a single earlier report.
 *
 * @throws UsageError if none of the given earlier reports matches
 */
export function earlierOf(
  reports: readonly ShadowReport[],
  earlier: readonly ShadowReport[],
): EarlierOf {
  const found = new Map(
    reports.map((report) => [
      report,
      earlier.find(
        ({ candidate, evaluation }) =>
          candidate.pool === report.candidate.pool && evaluation.route === report.evaluation.route,
      ) ?? (reports.length === 1 && earlier.length === 1 ? earlier[0] : undefined),
    ]),
  );
  if (earlier.length > 0 && [...found.values()].every((each) => each === undefined)) {
    const there = earlier.map(({ candidate: { pool } }) => pool).join(", ");
    throw new UsageError(`--against has no report for these candidates, only for ${there}`);
  }
  return (report) => found.get(report);
}

/** The current and the earlier report of a candidate. */
export interface ReportComparison {
  readonly now: ShadowReport;
  readonly earlier: ShadowReport | null;
  /** The comparison; null without an earlier report. */
  readonly comparison: Comparison | null;
}

/** Pairs every report with its earlier report, for JSON output. */
export function comparisonsOf(
  reports: readonly ShadowReport[],
  againstOf: EarlierOf,
): readonly ReportComparison[] {
  return reports.map((now) => {
    const earlier = againstOf(now) ?? null;
    return { now, earlier, comparison: earlier === null ? null : compareReports(now, earlier) };
  });
}

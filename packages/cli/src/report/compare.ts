import { type Comparison, compareReports, type ShadowReport } from "@umbra/shadow";
import { UsageError } from "../errors.ts";

/** The earlier report that a report is put beside; undefined where there is none. */
export type EarlierOf = (report: ShadowReport) => ShadowReport | undefined;

/**
 * Finds the earlier report of each candidate: the one of the same route and pool, or the only one there is for the only candidate.
 *
 * @throws UsageError where earlier reports were given and none of them fits
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
    throw new UsageError(`--against has no report of these candidates; it has ${there}`);
  }
  return (report) => found.get(report);
}

/** One candidate now and earlier. */
export interface ReportComparison {
  readonly now: ShadowReport;
  readonly earlier: ShadowReport | null;
  /** Null without an earlier report. */
  readonly comparison: Comparison | null;
}

/** Every report with its earlier one, for programs. */
export function comparisonsOf(
  reports: readonly ShadowReport[],
  againstOf: EarlierOf,
): readonly ReportComparison[] {
  return reports.map((now) => {
    const earlier = againstOf(now) ?? null;
    return { now, earlier, comparison: earlier === null ? null : compareReports(now, earlier) };
  });
}

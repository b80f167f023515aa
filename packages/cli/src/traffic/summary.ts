import { tableText } from "../tables.ts";
import type { LoadResult } from "./open-loop.ts";

/** The result of a load run, as plain data. Times in ms. */
export interface LoadSummary {
  readonly requests: number;
  readonly skipped: number;
  readonly ok: number;
  readonly failed: number;
  /** Count by HTTP status; 0 means no answer. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly requestsPerSecond: number;
  readonly firstByteMs: Percentiles | undefined;
  readonly totalMs: Percentiles | undefined;
}

export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

export function summarize({ sent, skipped, elapsedMs }: LoadResult): LoadSummary {
  const statuses: Record<string, number> = {};
  for (const { answer } of sent) statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
  const good = sent.filter(({ answer }) => answer.status === 200 && answer.isComplete);
  return {
    requests: sent.length,
    skipped,
    ok: good.length,
    failed: sent.length - good.length,
    statuses,
    requestsPerSecond: sent.length / (elapsedMs / 1_000),
    firstByteMs: percentiles(good.flatMap(({ answer }) => answer.firstByteMs ?? [])),
    totalMs: percentiles(good.map(({ answer }) => answer.totalMs)),
  };
}

function percentiles(values: readonly number[]): Percentiles | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1];
  const [p50, p90, p99] = [at(0.5), at(0.9), at(0.99)];
  if (p50 === undefined || p90 === undefined || p99 === undefined) return undefined;
  return { p50, p90, p99 };
}

export function summaryTable(summary: LoadSummary): string {
  const { requests, ok, failed, skipped, requestsPerSecond } = summary;
  const times = [
    ["first byte", summary.firstByteMs] as const,
    ["whole answer", summary.totalMs] as const,
  ].flatMap(([name, values]) =>
    values === undefined
      ? []
      : [[name, ...[values.p50, values.p90, values.p99].map((ms) => ms.toFixed(1))]],
  );
  return (
    tableText(
      ["requests", "ok", "failed", "not sent", "requests/s"],
      [[requests, ok, failed, skipped, requestsPerSecond.toFixed(1)]],
    ) + tableText(["", "p50 ms", "p90 ms", "p99 ms"], times)
  );
}

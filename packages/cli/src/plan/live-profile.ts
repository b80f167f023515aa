import type { TrafficProfile } from "@umbra/shadow";
import { defined } from "@umbra/shadow/defined";
import { CommandError } from "../errors.ts";
import type { Io } from "../io.ts";
import { queryAdmin } from "../process/admin-client.ts";

export interface LiveProfile {
  /** Eligible requests at the primary. */
  readonly ratePerSecond: number;
  readonly profile: Partial<TrafficProfile>;
}

/** Reads the traffic profile from a running sidecar's reports. Uses the candidate with the most pairs. */
export async function liveProfile(admin: string, io: Io): Promise<LiveProfile> {
  const { reports } = await queryAdmin(admin, "/v1/report", { signal: io.signal });
  const [report] = reports.toSorted((a, b) => b.funnel.paired - a.funnel.paired);
  if (report === undefined || report.evaluation.elapsed_s <= 0) {
    throw new CommandError(
      "the sidecar has no evaluation to use for planning: mirror a few requests first, or record samples",
    );
  }
  const { evaluation, funnel, metrics } = report;
  const e2e = metrics.e2e_ms.shadow.mean ?? metrics.e2e_ms.primary.mean;
  return {
    ratePerSecond: funnel.eligible / evaluation.elapsed_s,
    profile: defined({
      tauS: evaluation.load === null ? undefined : Math.max(1, evaluation.load.tau_s),
      e2eS: e2e === null ? undefined : e2e / 1_000,
    }),
  };
}

import { labelsOf } from "../report/labels.ts";
import type {
  ClosedWhy,
  ReportFunnel,
  ReportIdentity,
  ShadowReport,
} from "../report/shadow-report.ts";
import { clock, count, unknown, utcTime } from "./format.ts";

/** A name and its value, in reading order. */
export type Fact = readonly [name: string, value: string];

/** One lane of a report. */
export interface LaneWords {
  readonly role: "baseline" | "control" | "candidate";
  readonly lane: "primary" | "control" | "shadow";
  readonly pool: string;
  /** Models, engine, replicas and labels; unknown ones are left out. */
  readonly about: readonly string[];
}

/** Both lanes, with the control lane between them if there is one. */
export function lanesOf(report: ShadowReport): readonly LaneWords[] {
  const { baseline, candidate, control } = report;
  return [
    lane(report, "baseline", "primary", baseline),
    ...(control === null ? [] : [lane(report, "control", "control", control)]),
    lane(report, "candidate", "shadow", candidate),
  ];
}

function lane(
  { labels }: ShadowReport,
  role: LaneWords["role"],
  name: LaneWords["lane"],
  { pool, models, engine, replicas }: ReportIdentity,
): LaneWords {
  const own = labelsOf(labels, role).map(([key, value]) => `${key} ${value}`);
  const about = [
    models.join(", "),
    engine ?? "",
    replicas === null ? "" : `${count(replicas)} ${replicas === 1 ? "replica" : "replicas"}`,
    ...own,
  ];
  return {
    role,
    lane: name,
    pool: pool === "" ? name : pool,
    about: about.filter((part) => part !== ""),
  };
}

const closedWords: Readonly<Record<ClosedWhy, string>> = {
  changed: "its settings were changed",
  removed: "its mirror was removed",
};

/** Facts of the run: policy, time and number of pairs, then the user's labels. */
export function runFacts({ evaluation, funnel, verdict, labels }: ShadowReport): readonly Fact[] {
  const { sampling, route, policy, policy_generation: version } = evaluation;
  const share =
    sampling === null
      ? []
      : [["mirrored", `${Number(sampling.percent.toFixed(3))} % by ${sampling.by}`] as const];
  return [
    ["route", route === "" ? unknown : route],
    ...(policy === null
      ? []
      : [["policy", version === undefined ? policy : `${policy}, generation ${version}`] as const]),
    ["from (UTC)", utcTime(evaluation.started_at)],
    ["to (UTC)", utcTime(evaluation.ended_at)],
    ["run of plan", `${clock(evaluation.elapsed_s)} of ${clock(evaluation.horizon_s)}`],
    ["pairs used", `${count(funnel.used)} of ${count(funnel.dispatched)} mirrored`],
    ...share,
    ["configuration", evaluation.config_sha256.slice(0, 16)],
    ...(evaluation.closed === undefined
      ? []
      : [
          [
            "closed (UTC)",
            `${utcTime(evaluation.closed.at)}, ${closedWords[evaluation.closed.why]}`,
          ] as const,
        ]),
    ...(verdict.final === null
      ? []
      : [
          [
            "final since (UTC)",
            `${utcTime(verdict.final.at)}${verdict.final.stage > 1 ? `, stage ${verdict.final.stage}` : ""}`,
          ] as const,
        ]),
    ...labelsOf(labels, undefined),
  ];
}

/** Steps from a request to a used pair. */
export function funnelSteps(funnel: ReportFunnel): readonly (readonly [string, number])[] {
  const { eligible, sampled, dispatched, paired, used } = funnel;
  return [
    ["eligible", eligible],
    ["sampled", sampled],
    ["mirrored", dispatched],
    ["paired", paired],
    ["used", used],
  ];
}

/** Requests lost at one step, with the reasons. */
export interface Loss {
  readonly where: string;
  readonly total: number;
  /** `concurrency 19` */
  readonly reasons: readonly string[];
}

/** Lists every loss with its reasons, warm-up first. */
export function lossesOf(funnel: ReportFunnel): readonly Loss[] {
  const {
    warmup,
    lost,
    unsent = 0,
    unmeasured = 0,
    in_flight: inFlight = 0,
    not_used: notUsed,
  } = funnel;
  return [
    alone("warm-up left out", warmup),
    alone("no shadow response", lost),
    alone("never sent to the shadow", unsent),
    alone("no room to measure the shadow", unmeasured),
    alone("still in flight", inFlight),
    ...(notUsed === undefined
      ? [byReason("paired, but censored", funnel.censored)]
      : [byReason("paired and not compared", notUsed)]),
    byReason("dropped before mirroring", funnel.dropped),
    byReason("not eligible", funnel.not_eligible ?? {}),
  ].filter(({ total }) => total > 0);
}

function alone(where: string, total: number): Loss {
  return { where, total, reasons: [] };
}

function byReason(where: string, counts: Readonly<Record<string, number>>): Loss {
  const all = Object.entries(counts).filter(([, n]) => n > 0);
  return {
    where,
    total: all.reduce((sum, [, n]) => sum + n, 0),
    reasons: all.map(([reason, n]) => `${reason} ${count(n)}`),
  };
}

/** `dropped before mirroring 31 (concurrency 19, size 12)` */
export function lossWords({ where, total, reasons }: Loss): string {
  return `${where} ${count(total)}${reasons.length === 0 ? "" : ` (${reasons.join(", ")})`}`;
}

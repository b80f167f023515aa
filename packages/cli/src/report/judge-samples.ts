import {
  defaultEvaluation,
  evaluationSettings,
  type Mirror,
  resourceName,
  type Topology,
} from "@umbra/envoy-config";
import {
  type EvaluationLine,
  type EvaluationSettings,
  evaluationConfig,
  judge,
  type Sample,
  type ShadowReport,
} from "@umbra/shadow";
import { type RunPart, runParts } from "./run-parts.ts";

export interface JudgeSamplesOptions {
  /** Settings from flags, for all candidates. They override the policies. */
  readonly settings: EvaluationSettings;
  /** Resources whose ShadowPolicies define the evaluation of their candidates. */
  readonly topology: Topology | undefined;
  /** The control pool. */
  readonly control: string | undefined;
  /** Lines of the files about evaluations; none when absent. */
  readonly evaluations?: readonly EvaluationLine[];
}

/** Evaluates every candidate of every route that has samples; a closed evaluation apart from the one after it. */
export function judgeSamples(
  samples: readonly Sample[],
  options: JudgeSamplesOptions,
): readonly ShadowReport[] {
  const { topology, control, evaluations = [] } = options;
  const groups = [...Map.groupBy(samples, ({ route }) => route).values()].flatMap((ofRoute) => [
    ...Map.groupBy(ofRoute, ({ candidate }) => candidate).values(),
  ]);
  const isControl = (sample: Sample) =>
    sample.candidate === control || mirrorOf(topology, sample)?.role === "control";
  const reports: ShadowReport[] = [];
  for (const group of groups) {
    const [first] = group;
    if (first === undefined || isControl(first)) continue;
    const controlGroup = groups.find(
      ([each]) => each !== undefined && each.route === first.route && isControl(each),
    );
    for (const part of runParts(group, evaluations)) {
      reports.push(judgePart(part, controlGroup, options));
    }
  }
  return reports.toSorted((a, b) => compare(a.candidate.pool, b.candidate.pool));
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** Evaluates one evaluation of a candidate. A closed one did not reach its planned end, unless it ran that long. */
function judgePart(
  { samples, line }: RunPart,
  control: readonly Sample[] | undefined,
  { settings, topology }: JudgeSamplesOptions,
): ShadowReport {
  const closed = line?.closed;
  const [first] = samples;
  const candidate = first?.candidate ?? "";
  const mirror =
    closed === undefined && first !== undefined ? mirrorOf(topology, first) : undefined;
  const own =
    mirror === undefined ? undefined : evaluationSettings(mirror, controlOf(topology, mirror));
  const evaluation = own ?? line?.config ?? defaultEvaluation;
  const slo = { ...evaluation.slo, ...settings.slo };
  const config = evaluationConfig({ ...evaluation, ...settings, slo });
  const report = judge({
    samples,
    config,
    ...(control === undefined ? {} : { control }),
    facts: {
      // A file does not grow: unless the user sets a horizon, the run ends where the file ends.
      isFinished: settings.horizonMs === undefined && closed === undefined,
      candidate: lane(candidate, samples, "shadow"),
      baseline: lane("", samples, "primary"),
      ...(closed === undefined ? {} : { startedAtMs: line?.fromMs ?? 0, nowMs: closed.atMs }),
      ...(control === undefined
        ? {}
        : { control: lane(control[0]?.candidate ?? "", control, "shadow") }),
    },
  });
  if (closed === undefined) return report;
  const mark = { at: new Date(closed.atMs).toISOString(), why: closed.why };
  return { ...report, evaluation: { ...report.evaluation, closed: mark } };
}

/** Samples don't contain the number of replicas; the number of endpoints that answered is the best estimate. */
function lane(pool: string, samples: readonly Sample[], side: "primary" | "shadow") {
  const endpoints = new Set(samples.flatMap((sample) => sample[side]?.endpoint ?? []));
  return { pool, ...(endpoints.size === 0 ? {} : { replicas: endpoints.size }) };
}

/** Finds the mirror that produced the samples: one that a ShadowPolicy targets. */
function mirrorOf(
  topology: Topology | undefined,
  { route, candidate }: Pick<Sample, "route" | "candidate">,
): Mirror | undefined {
  return topology?.mirrors.find(
    ({ origin, pool, policy }) =>
      policy !== undefined && pool === candidate && resourceName(origin.route) === route,
  );
}

function controlOf(topology: Topology | undefined, { origin, policy }: Mirror): Mirror | undefined {
  const route = resourceName(origin.route);
  return topology?.mirrors.find(
    (each) =>
      each.role === "control" &&
      each.policy?.name === policy?.name &&
      resourceName(each.origin.route) === route,
  );
}

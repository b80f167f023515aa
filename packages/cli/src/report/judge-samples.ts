import { defaultEvaluation, type Mirror, resourceName, type Topology } from "@umbra/envoy-config";
import {
  type EvaluationSettings,
  evaluationConfig,
  judge,
  type Sample,
  type ShadowReport,
} from "@umbra/shadow";

export interface JudgeSamplesOptions {
  /** Settings from flags, for all candidates. They override the policies. */
  readonly settings: EvaluationSettings;
  /** Resources whose ShadowPolicies define the evaluation of their candidates. */
  readonly topology: Topology | undefined;
  /** The control pool. */
  readonly control: string | undefined;
}

/** Evaluates every candidate of every route that has samples. */
export function judgeSamples(
  samples: readonly Sample[],
  { settings, topology, control }: JudgeSamplesOptions,
): readonly ShadowReport[] {
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
    const evaluation = mirrorOf(topology, first)?.evaluation ?? defaultEvaluation;
    const slo = { ...evaluation.slo, ...settings.slo };
    const config = evaluationConfig({ ...evaluation, ...settings, slo });
    reports.push(
      judge({
        samples: group,
        config,
        ...(controlGroup === undefined ? {} : { control: controlGroup }),
        facts: {
          // A file does not grow: unless the user sets a horizon, the run ends where the file ends.
          isFinished: settings.horizonMs === undefined,
          candidate: lane(first.candidate, group, "shadow"),
          baseline: lane("", group, "primary"),
          ...(controlGroup === undefined
            ? {}
            : { control: lane(controlGroup[0]?.candidate ?? "", controlGroup, "shadow") }),
        },
      }),
    );
  }
  return reports.toSorted((a, b) => (a.candidate.pool < b.candidate.pool ? -1 : 1));
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

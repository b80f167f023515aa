import type { Topology } from "@umbra/envoy-config";
import {
  type EvaluationSettings,
  evaluationConfig,
  judge,
  type Sample,
  type ShadowReport,
  sloPresets,
} from "@umbra/shadow";

export interface JudgeSamplesOptions {
  /** Of all candidates, unless `policies` says otherwise. */
  readonly settings: EvaluationSettings;
  /** Resources whose ShadowPolicies say how their candidates are judged. */
  readonly topology: Topology | undefined;
  /** Pool whose samples are the control's. */
  readonly control: string | undefined;
}

/** Judges every candidate of every route that has samples. */
export function judgeSamples(
  samples: readonly Sample[],
  { settings, topology, control }: JudgeSamplesOptions,
): readonly ShadowReport[] {
  const groups = Map.groupBy(samples, ({ route, candidate }) => `${route} ${candidate}`);
  const isControl = (candidate: string, route: string) =>
    candidate === control || roleOf(topology, route, candidate) === "control";
  const reports: ShadowReport[] = [];
  for (const group of groups.values()) {
    const [first] = group;
    if (first === undefined || isControl(first.candidate, first.route)) continue;
    const controlGroup = [...groups.values()].find(
      ([each]) =>
        each !== undefined && each.route === first.route && isControl(each.candidate, each.route),
    );
    const {
      sloPreset,
      slo,
      observeUnmirroredPercent: _,
      ...policy
    } = policyOf(topology, first.route, first.candidate)?.evaluation ?? {
      observeUnmirroredPercent: 0,
    };
    const preset = sloPreset === undefined ? {} : sloPresets[sloPreset];
    const config = evaluationConfig({
      ...policy,
      ...settings,
      slo: { ...preset, ...slo, ...settings.slo },
    });
    reports.push(
      judge({
        samples: group,
        config,
        ...(controlGroup === undefined ? {} : { control: controlGroup }),
        facts: {
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

/** Endpoints that answered are as near as samples come to the number of replicas. */
function lane(pool: string, samples: readonly Sample[], side: "primary" | "shadow") {
  const endpoints = new Set(samples.flatMap((sample) => sample[side]?.endpoint ?? []));
  return { pool, ...(endpoints.size === 0 ? {} : { replicas: endpoints.size }) };
}

function policyOf(topology: Topology | undefined, route: string, candidate: string) {
  for (const { virtualHosts } of topology?.listeners ?? []) {
    for (const { mirrors } of virtualHosts.flatMap(({ routes }) => routes)) {
      const found = mirrors.find(
        ({ name, pool }) => name.startsWith(`${route}/`) && pool === candidate,
      );
      if (found?.policy !== undefined) return found.policy;
    }
  }
  return undefined;
}

function roleOf(topology: Topology | undefined, route: string, candidate: string) {
  return policyOf(topology, route, candidate)?.role;
}

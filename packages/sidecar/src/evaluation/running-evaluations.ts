import { baselinePoolsOf, evaluationSettings, type Topology } from "@umbra/envoy-config";
import { evaluationConfig } from "@umbra/shadow";
import type { MirrorGate } from "../mirror/mirror-gate.ts";
import type { MirrorRegistry } from "../mirror/mirror-registry.ts";
import type { EvaluationState } from "./evaluation-now.ts";
import type { LoadMark } from "./load-count.ts";
import type { EvaluationSetup } from "./worker-messages.ts";

/** The evaluations of a topology by key, as the picking thread knows them. */
export type RunningEvaluations = ReadonlyMap<string, RunningEvaluation>;

export interface RunningEvaluation extends EvaluationState {
  readonly setup: EvaluationSetup;
}

export interface StartOfEvaluations {
  /** In ms since the epoch; 0 includes samples that an earlier process stored. */
  readonly fromMs: number;
  readonly since: LoadMark | undefined;
}

/**
 * Returns the evaluations of a topology. One of `before` continues if what it compares and its configuration are the same:
 * share, budget, endpoints and cost may change. Evaluations that are gone from the topology are left out.
 */
export function nextEvaluations(
  topology: Topology,
  { judged }: Pick<MirrorRegistry, "judged">,
  { before, start }: { readonly before: RunningEvaluations; readonly start: StartOfEvaluations },
): RunningEvaluations {
  const baselineOf = (gate: MirrorGate) => {
    const pools = baselinePoolsOf(topology, gate.mirror.origin.route);
    // Without a primary, the route serves no one: it is broken, and its evaluation waits.
    return pools.length === 0 ? (before.get(gate.key)?.baseline ?? []) : pools;
  };
  const all = [...judged.values()];
  return new Map(
    all.map((gate) => {
      const control = controlOf(gate, all);
      const baseline = baselineOf(gate);
      const subject = JSON.stringify([
        subjectOf(gate, baseline),
        ...(control === undefined ? [] : [control.key, subjectOf(control, baselineOf(control))]),
      ]);
      const known = before.get(gate.key);
      const setup = setupOf(gate, control, { subject, fromMs: start.fromMs });
      const isKept = known !== undefined && isSame(known.setup, setup);
      const running: RunningEvaluation = isKept
        ? { ...known, gate, baseline }
        : { gate, baseline, setup, since: start.since };
      return [gate.key, running];
    }),
  );
}

function isSame(a: EvaluationSetup, b: EvaluationSetup): boolean {
  return a.subject === b.subject && JSON.stringify(a.config) === JSON.stringify(b.config);
}

/** All settings that change what is compared, and the primary pools. */
function subjectOf({ mirror }: MirrorGate, baseline: readonly string[]): readonly unknown[] {
  const { role, percentOfMirrored, sampling, requestTimeoutMs, headers, policy } = mirror;
  const { name, eligible, rewrite } = policy ?? {};
  return [
    ...[role, sampling, requestTimeoutMs, headers, name ?? null, eligible ?? null],
    ...[rewrite ?? null, baseline.toSorted(), percentOfMirrored ?? null],
  ];
}

function controlOf(gate: MirrorGate, all: readonly MirrorGate[]): MirrorGate | undefined {
  if (gate.mirror.role !== "candidate") return undefined;
  return all.find(
    ({ key, route, mirror }) =>
      route === gate.route && mirror.role === "control" && key !== gate.key,
  );
}

function setupOf(
  { key, route, candidate, mirror }: MirrorGate,
  control: MirrorGate | undefined,
  { subject, fromMs }: { readonly subject: string; readonly fromMs: number },
): EvaluationSetup {
  return {
    ...{ key, route, candidate, role: mirror.role, controlKey: control?.key },
    config: evaluationConfig(evaluationSettings(mirror, control?.mirror)),
    ...{ subject, fromMs },
  };
}

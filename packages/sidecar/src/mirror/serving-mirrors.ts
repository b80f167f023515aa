import type { Topology } from "@umbra/envoy-config";
import type { AnswerReadingThread } from "../answers/answer-reading.ts";
import type { Evaluations } from "../evaluation/evaluations.ts";
import type { ShadowMetrics } from "../evaluation/shadow-metrics.ts";
import type { MirrorRegistry } from "./mirror-registry.ts";

/** The mirrors and what depends on them, which follow the topology while the sidecar serves. */
export interface ServingMirrors {
  /** Registers new mirrors and changes known ones in place. Call it after the pools have begun. */
  begin(topology: Topology): void;
  /** Sends no more twins to mirrors that the topology begun last does not have, and removes those without live requests. */
  retire(): void;
  /** Removes retired mirrors whose last live request has ended. Call this regularly. */
  sweep(): void;
}

export interface ServingMirrorsParts {
  readonly registry: MirrorRegistry;
  readonly evaluations: Pick<Evaluations, "begin" | "retire">;
  readonly answers: Pick<AnswerReadingThread, "begin">;
  readonly metrics: Pick<ShadowMetrics, "forgetGone">;
  /** True while a live request names the mirror. */
  readonly isNamed: (mirror: string) => boolean;
}

export function createServingMirrors(parts: ServingMirrorsParts): ServingMirrors {
  const { registry, evaluations, answers, metrics, isNamed } = parts;

  function readAnswers(): void {
    if (registry.gates.length > 0) answers.begin();
  }

  function retire(): void {
    registry.retire(isNamed);
    evaluations.retire();
    metrics.forgetGone();
  }

  readAnswers();
  return {
    begin(topology) {
      registry.begin(topology);
      evaluations.begin(topology);
      readAnswers();
    },
    retire,
    sweep() {
      if (registry.isRetiring) retire();
    },
  };
}

import type { Topology } from "@umbra/envoy-config";
import type { AnswerReadingThread } from "../answers/answer-reading.ts";
import type { Evaluations } from "../evaluation/evaluations.ts";
import type { MirrorRegistry } from "./mirror-registry.ts";

/** The mirrors and what depends on them, which follow the topology while the sidecar serves. */
export interface ServingMirrors {
  /** Registers new mirrors and changes known ones in place. Call it after the pools have begun. */
  begin(topology: Topology): void;
  /**
   * Sends no more twins to mirrors that are gone, and removes those that no live request names. May be called again
   * with the same topology, until none is left.
   */
  retire(isNamed: (mirror: string) => boolean): void;
}

export interface ServingMirrorsParts {
  readonly registry: MirrorRegistry;
  readonly evaluations: Pick<Evaluations, "begin" | "retire">;
  readonly answers: Pick<AnswerReadingThread, "begin">;
}

export function createServingMirrors(parts: ServingMirrorsParts): ServingMirrors {
  const { registry, evaluations, answers } = parts;
  const readAnswers = () => {
    if (registry.gates.length > 0) answers.begin();
  };
  readAnswers();
  return {
    begin(topology) {
      registry.begin(topology);
      evaluations.begin(topology);
      readAnswers();
    },
    retire(isNamed) {
      registry.retire(isNamed);
      evaluations.retire();
    },
  };
}

import { hash } from "node:crypto";
import { defined } from "@umbra/shadow/defined";
import type { EvaluationSettings } from "@umbra/shadow/evaluation";
import { type ComparisonPolicy, defaultComparison, type MirrorSettings } from "./mirror-policy.ts";

/**
 * Settings of the evaluation of a mirror. Other settings are another evaluation.
 *
 * @param control the control of the same route, if there is one
 */
export function evaluationSettings(
  { evaluation }: Pick<MirrorSettings, "evaluation">,
  control?: Pick<MirrorSettings, "percentOfMirrored">,
): EvaluationSettings {
  const { comparison, ...settings } = evaluation;
  return {
    ...settings,
    ...defined({ controlPercent: control?.percentOfMirrored }),
    outputs: defined({ comparisonHash: comparisonHash(comparison) }),
  };
}

/** Undefined if all settings that change a result have their defaults. */
function comparisonHash(comparison: ComparisonPolicy = defaultComparison): string | undefined {
  const found = settingsOf(comparison);
  return found === settingsOf(defaultComparison) ? undefined : hash("sha256", found).slice(0, 16);
}

/** The bound on memory decides how many pairs are compared, not what is found. */
function settingsOf({ maxHeldBytes: _, ...settings }: ComparisonPolicy): string {
  return JSON.stringify(Object.entries(settings).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

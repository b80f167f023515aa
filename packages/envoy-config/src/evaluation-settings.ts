import { hash } from "node:crypto";
import { defined } from "@umbra/shadow/defined";
import type { EvaluationSettings, JudgeTerms } from "@umbra/shadow/evaluation";
import {
  type ComparisonPolicy,
  defaultComparison,
  type JudgePolicy,
  type MirrorSettings,
} from "./mirror-policy.ts";

/**
 * Settings of the evaluation of a mirror. Other settings are another evaluation.
 *
 * @param control the control of the same route, if there is one
 */
export function evaluationSettings(
  { evaluation }: Pick<MirrorSettings, "evaluation">,
  control?: Pick<MirrorSettings, "percentOfMirrored">,
): EvaluationSettings {
  const { comparison, segments, judge, ...settings } = evaluation;
  return {
    ...settings,
    ...defined({ controlPercent: control?.percentOfMirrored }),
    outputs: defined({
      mode: comparison?.mode === "sketch" ? ("sketch" as const) : undefined,
      segments,
      judge: judge === undefined ? undefined : termsOf(judge),
      comparisonHash: comparisonHash(comparison, judge),
    }),
  };
}

/** What decides about the verdict. */
function termsOf({ margin, sample, required, pricePerMTokens }: JudgePolicy): JudgeTerms {
  return { margin, sample, ...defined({ required, pricePerMTokens }) };
}

/** Undefined if all settings that change a result have their defaults, and there is no judge. */
function comparisonHash(
  comparison: ComparisonPolicy = defaultComparison,
  judge: JudgePolicy | undefined,
): string | undefined {
  const found = settingsOf(comparison, judge);
  const standard = settingsOf(defaultComparison, undefined);
  return found === standard ? undefined : hash("sha256", found).slice(0, 16);
}

/** The bounds on memory and cost decide how many pairs are compared, not what is found. */
function settingsOf(
  { maxHeldBytes: _, ...settings }: ComparisonPolicy,
  judge: JudgePolicy | undefined,
): string {
  const { endpoint, model, rubric, maxPromptTokens } = judge ?? {};
  const all = Object.entries(settings).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([
    all,
    ...(judge === undefined ? [] : [[endpoint, model, rubric, maxPromptTokens]]),
  ]);
}

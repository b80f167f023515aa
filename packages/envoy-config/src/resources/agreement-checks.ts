import type { EvaluationPolicy } from "../mirror-policy.ts";
import type { Reader } from "./reader.ts";
import type { PolicyCandidate } from "./resources.ts";

/** Gates that judge how far answers agree: only against how far the primary agrees with itself. */
const agreementGates = ["out.exact", "out.sim", "out.tools"] as const;

/** Reports settings of a ShadowPolicy that ask for comparisons of answers which can't be made. */
export function reportAgreement(
  spec: Reader,
  evaluation: EvaluationPolicy,
  candidates: readonly PolicyCandidate[],
): void {
  const from = spec.map("evaluation");
  if (from === undefined) return;
  if (evaluation.comparison?.mode === "off") reportOff(from, evaluation);
  else if (!candidates.some(({ role }) => role === "control")) reportNoControl(from, evaluation);
  if (evaluation.comparison?.logprobs === "shadow" && evaluation.isSameModel !== true) {
    const message =
      "`logprobs: shadow` without `sameModel: true`: log probabilities of different models are not comparable";
    from.map("outputs")?.report("warning", "UMB0218", message, "logprobs");
  }
}

function requiredOf({ gates = {} }: EvaluationPolicy) {
  return agreementGates.filter((id) => gates[id]?.required === true);
}

function reportOff(from: Reader, evaluation: EvaluationPolicy): void {
  for (const id of requiredOf(evaluation)) {
    const message = `\`${id}\` is required, but \`outputs.mode\` is \`off\`: it is never judged, because no answers are compared`;
    const remedy = "remove `outputs.mode`, or the gate";
    from.map("gates")?.report("warning", "UMB0217", message, id, { remedy });
  }
}

/** With `sameModel` alone, these gates are required only if there is a control. */
function reportNoControl(from: Reader, evaluation: EvaluationPolicy): void {
  for (const id of requiredOf(evaluation)) {
    const message = `\`${id}\` is required, but no candidate has \`role: control\`: it is never judged, because how far the primary agrees with itself is not known`;
    from.map("gates")?.report("warning", "UMB0217", message, id);
  }
}

/** Gates about the content of answers. */
export type OutputGateId =
  | "out.refusal"
  | "out.refusal.fewer"
  | "out.loop"
  | "out.json"
  | "out.toolBad"
  | "out.script"
  | "out.prompt"
  | "out.exact"
  | "out.sim"
  | "out.tools";

/** Default margin of each gate, and for which evaluations it is required for a PASS. */
const outputGateDefaults: Readonly<Record<OutputGateId, OutputGateDefault>> = {
  "out.refusal": { margin: 0.01, isOf: "all" },
  "out.refusal.fewer": { margin: 0.01, isOf: "same_model" },
  "out.loop": { margin: 0.005, isOf: "all" },
  "out.json": { margin: 0.01, isOf: "all" },
  "out.toolBad": { margin: 0.01, isOf: "all" },
  "out.script": { margin: 0.005, isOf: "all" },
  "out.prompt": { margin: 0.01, isOf: "same_model" },
  "out.exact": { margin: 0.03, isOf: "same_model_with_floor" },
  "out.sim": { margin: 0.02, isOf: "same_model_with_floor" },
  "out.tools": { margin: 0.03, isOf: "all_with_floor" },
};

interface OutputGateDefault {
  /** How much worse the shadow may be, 0 to 1. */
  readonly margin: number;
  readonly isOf: "all" | "same_model" | "same_model_with_floor" | "all_with_floor";
}

/** Settings of gates that differ from their defaults. */
export type OutputGateSettings = Readonly<
  Partial<Record<OutputGateId, { readonly margin?: number; readonly required?: boolean }>>
>;

export const outputGateIds = Object.keys(outputGateDefaults) as readonly OutputGateId[];

/** Facts that are fixed when an evaluation starts and decide which gates are required. */
export interface OutputTerms {
  /** The lanes are meant to be the same model. */
  readonly isSameModel: boolean;
  /** There is a control lane, which shows how far the primary agrees with itself. */
  readonly hasFloor: boolean;
  readonly gates?: OutputGateSettings;
  /** A judge model is used. Its gate is required unless this is false. */
  readonly judge?: { readonly required?: boolean };
}

/** How much worse the shadow may be under a gate, 0 to 1. */
export function outputMargin(id: OutputGateId, { gates }: Pick<OutputTerms, "gates">): number {
  return gates?.[id]?.margin ?? outputGateDefaults[id].margin;
}

/**
 * Whether a gate is required. The result never changes during an evaluation: the required gates share the error of a
 * wrong FAIL, so each analysis must divide it by the same number.
 */
export function isRequiredGate(
  id: OutputGateId,
  { isSameModel, hasFloor, gates }: OutputTerms,
): boolean {
  const given = gates?.[id]?.required;
  if (given !== undefined) return given;
  switch (outputGateDefaults[id].isOf) {
    case "all":
      return true;
    case "same_model":
      return isSameModel;
    case "same_model_with_floor":
      return isSameModel && hasFloor;
    case "all_with_floor":
      return hasFloor;
  }
}

/** Number of required output gates, which share the error of a wrong FAIL. */
export function requiredOutputGates(terms: OutputTerms): number {
  const { judge } = terms;
  const judges = judge === undefined || judge.required === false ? 0 : 1;
  return judges + outputGateIds.filter((id) => isRequiredGate(id, terms)).length;
}

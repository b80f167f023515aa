import type { SampleAgreement, SampleOutput } from "../samples/output-fields.ts";
import type { OutputGateId } from "./output-config.ts";
import type { OutputPair } from "./output-pairs.ts";

/** How bad a pair is on each lane, 0 to 1; undefined if the gate does not apply to the pair. */
export type BadnessOf = (
  pair: OutputPair,
) => readonly [baseline: number, shadow: number] | undefined;

/** An output gate: which pairs it judges, and how. */
export interface OutputGate {
  readonly id: OutputGateId;
  /** True if its requests may be rare. With too few at the planned end, it is not judged, whatever their share. */
  readonly mayBeFew: boolean;
  /**
   * For gates that need an answer of the control lane: whether the gate applies to a pair. Undefined for other gates.
   */
  readonly needsFloorFor: ((pair: OutputPair) => boolean) | undefined;
  /** True if the gate applies to every answer, for any request. */
  readonly isAboutAll: boolean;
  /** True if badness is only 0 or 1; otherwise it may be in between. */
  readonly isBinary: boolean;
  /** Judged only if the lanes are meant to be the same model. */
  readonly isOfSameModel: boolean;
  readonly badness: BadnessOf;
  /** For gates that need a control: how bad the shadow is, also for requests without a control answer. */
  readonly badnessOfShadow?: (pair: OutputPair) => number | undefined;
}

/** The gates. `isFenceBad`: the primary hardly ever writes a Markdown fence around JSON. */
export function outputGates({
  isFenceBad,
}: {
  readonly isFenceBad: boolean;
}): readonly OutputGate[] {
  const standard = {
    ...{ needsFloorFor: undefined, isBinary: true, isOfSameModel: false, isAboutAll: false },
    mayBeFew: false,
  } as const;
  const badJson = (out: SampleOutput) => isBadJson(out, { isFenceBad });
  return [
    {
      ...{ ...standard, id: "out.refusal" },
      isAboutAll: true,
      badness: ({ primary, shadow }) => [primary.refusal, shadow.refusal],
    },
    {
      ...{ ...standard, id: "out.refusal.fewer" },
      ...{ isOfSameModel: true, isAboutAll: true },
      badness: ({ primary, shadow }) => [1 - primary.refusal, 1 - shadow.refusal],
    },
    {
      ...{ ...standard, id: "out.loop" },
      isAboutAll: true,
      badness: ({ primary, shadow }) => [primary.loop, shadow.loop],
    },
    {
      ...{ ...standard, id: "out.json", mayBeFew: true },
      badness: ({ primary, shadow }) => both(badJson(primary), badJson(shadow)),
    },
    {
      ...{ ...standard, id: "out.toolBad", mayBeFew: true },
      badness: ({ primary, shadow }) => both(primary.toolBad, shadow.toolBad),
    },
    {
      ...{ ...standard, id: "out.script" },
      badness: (pair) => both(isOther(pair, pair.primary), isOther(pair, pair.shadow)),
    },
    {
      ...{ ...standard, id: "out.prompt", isOfSameModel: true },
      badness: ({ promptTokens: [first, second] }) =>
        first === null || second === null ? undefined : [0, first === second ? 0 : 1],
    },
    ...agreementGates,
  ];
}

/**
 * A gate about agreement: how much less the primary agrees with the shadow than with itself. A lane's badness is its
 * disagreement with the primary, where the control lane stands for the primary itself.
 */
function agreementGate(
  id: OutputGateId,
  isFor: (pair: OutputPair) => boolean,
  of: (agreement: SampleAgreement) => number | null,
): OutputGate {
  const disagreement = (found: SampleAgreement | undefined) => {
    const agreement = found === undefined ? null : of(found);
    return agreement === null ? undefined : 1 - agreement;
  };
  const ofShadow = (pair: OutputPair) => (isFor(pair) ? disagreement(pair.agreement) : undefined);
  return {
    ...{ id, needsFloorFor: isFor, isBinary: id !== "out.sim", isOfSameModel: false },
    ...{ isAboutAll: false, mayBeFew: false, badnessOfShadow: ofShadow },
    badness: (pair) => {
      const [own, other] = [disagreement(pair.floor), ofShadow(pair)];
      return own === undefined || other === undefined ? undefined : [own, other];
    },
  };
}

const agreementGates: readonly OutputGate[] = [
  agreementGate("out.exact", isRepeatable, ({ exact }) => exact),
  agreementGate(
    "out.sim",
    () => true,
    ({ sim }) => sim,
  ),
  agreementGate("out.tools", offersTools, hasSameCalls),
];

function offersTools({ request: { shape } }: OutputPair): boolean {
  return shape === "tools";
}

/** True if the request's way of choosing tokens is repeatable. */
function isRepeatable({ request: { decode } }: OutputPair): boolean {
  return decode === "greedy" || decode === "seeded";
}

/** 1 if the calls are the same, or neither answer has any. */
function hasSameCalls({ tool }: SampleAgreement): 0 | 1 | null {
  return tool === null ? null : tool === "same_args" || tool === "none" ? 1 : 0;
}

function both(baseline: 0 | 1 | null, shadow: 0 | 1 | null): readonly [number, number] | undefined {
  return baseline === null || shadow === null ? undefined : [baseline, shadow];
}

/** Whether an answer is not the requested JSON; null if no JSON was requested. */
export function isBadJson(
  { json, schema }: SampleOutput,
  { isFenceBad }: { readonly isFenceBad: boolean },
): 0 | 1 | null {
  if (json === null) return null;
  const isBad = json === "invalid" || schema === "broken" || (isFenceBad && json === "fenced");
  return isBad ? 1 : 0;
}

/** Whether an answer is in another script than the user's last message; null if either is unknown. */
export function isOther(
  { request: { script: asked } }: OutputPair,
  { script }: SampleOutput,
): 0 | 1 | null {
  return script === null || asked === null ? null : script === asked ? 0 : 1;
}

/** If the primary fences less than this share of its JSON, a fence counts as a fault. */
const rareFence = 0.01;

/** True if the primary hardly ever writes a fence around JSON. */
export function hasRareFences(pairs: readonly OutputPair[]): boolean {
  const asked = pairs.filter(({ primary }) => primary.json !== null);
  const fenced = asked.filter(({ primary }) => primary.json === "fenced");
  return fenced.length < rareFence * asked.length;
}

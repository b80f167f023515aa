import type { SampleAgreement, SampleOutput } from "../samples/output-fields.ts";
import type { OutputPair } from "./output-pairs.ts";

/** Gates about what the answers are. */
export type OutputGateId =
  | "out.refusal"
  | "out.refusal.fewer"
  | "out.loop"
  | "out.json"
  | "out.toolBad"
  | "out.script"
  | "out.exact"
  | "out.sim"
  | "out.tools";

/** How bad a pair is on each lane, 0 to 1; undefined if the gate is not about it. */
export type BadnessOf = (
  pair: OutputPair,
) => readonly [baseline: number, shadow: number] | undefined;

/** What an output gate judges. */
export interface OutputGate {
  readonly id: OutputGateId;
  /** How much worse the shadow may be, 0 to 1. */
  readonly margin: number;
  /** When it is required for a PASS: always, from 500 pairs on, or for the same model. */
  readonly required: "always" | "with_pairs" | "same_model";
  /**
   * For gates that need an answer of the control lane: the pairs that they are about. Undefined for gates that do not
   * need one.
   */
  readonly needsFloorFor: ((pair: OutputPair) => boolean) | undefined;
  /** Every answer is good or bad, whatever its request asks for. */
  readonly isAboutAll: boolean;
  /** Each lane is bad or it is not; otherwise something in between. */
  readonly isBinary: boolean;
  /** Judged only if the lanes are meant to be the same model. */
  readonly isOfSameModel: boolean;
  readonly badness: BadnessOf;
}

/** The gates. `isFenceBad`: the primary hardly ever writes a Markdown fence around JSON. */
export function outputGates({
  isFenceBad,
}: {
  readonly isFenceBad: boolean;
}): readonly OutputGate[] {
  const standard = {
    ...{ needsFloorFor: undefined, isBinary: true, isOfSameModel: false, isAboutAll: false },
  } as const;
  const badJson = (out: SampleOutput) => isBadJson(out, { isFenceBad });
  return [
    {
      ...{ ...standard, id: "out.refusal", margin: 0.01, required: "always" },
      isAboutAll: true,
      badness: ({ primary, shadow }) => [primary.refusal, shadow.refusal],
    },
    {
      ...{ ...standard, id: "out.refusal.fewer", margin: 0.01, required: "always" },
      ...{ isOfSameModel: true, isAboutAll: true },
      badness: ({ primary, shadow }) => [1 - primary.refusal, 1 - shadow.refusal],
    },
    {
      ...{ ...standard, id: "out.loop", margin: 0.005, required: "always" },
      isAboutAll: true,
      badness: ({ primary, shadow }) => [primary.loop, shadow.loop],
    },
    {
      ...{ ...standard, id: "out.json", margin: 0.01, required: "with_pairs" },
      badness: ({ primary, shadow }) => both(badJson(primary), badJson(shadow)),
    },
    {
      ...{ ...standard, id: "out.toolBad", margin: 0.01, required: "with_pairs" },
      badness: ({ primary, shadow }) => both(primary.toolBad, shadow.toolBad),
    },
    {
      ...{ ...standard, id: "out.script", margin: 0.005, required: "always" },
      badness: (pair) => both(isOther(pair, pair.primary), isOther(pair, pair.shadow)),
    },
    ...agreementGates,
  ];
}

/**
 * Gates about agreement: how much less the primary agrees with the shadow than with itself. A lane's badness is its
 * disagreement with the primary, where the control lane stands for the primary itself.
 */
const agreementGates: readonly OutputGate[] = [
  {
    ...{ id: "out.exact", margin: 0.03, required: "same_model", needsFloorFor: isRepeatable },
    ...{ isBinary: true, isOfSameModel: false, isAboutAll: false },
    badness: (pair) => (isRepeatable(pair) ? disagreement(pair, ({ exact }) => exact) : undefined),
  },
  {
    ...{ id: "out.sim", margin: 0.02, required: "same_model", needsFloorFor: () => true },
    ...{ isBinary: false, isOfSameModel: false, isAboutAll: false },
    badness: (pair) => disagreement(pair, ({ sim }) => sim),
  },
  {
    ...{ id: "out.tools", margin: 0.03, required: "always", needsFloorFor: offersTools },
    ...{ isBinary: true, isOfSameModel: false, isAboutAll: false },
    badness: (pair) => (offersTools(pair) ? disagreement(pair, hasSameCalls) : undefined),
  },
];

function offersTools({ request: { shape } }: OutputPair): boolean {
  return shape === "tools";
}

/** Tokens are chosen in a way that would repeat. */
function isRepeatable({ request: { decode } }: OutputPair): boolean {
  return decode === "greedy" || decode === "seeded";
}

/** 1 if the calls are the same, or neither answer has any. */
function hasSameCalls({ tool }: SampleAgreement): 0 | 1 | null {
  return tool === null ? null : tool === "same_args" || tool === "none" ? 1 : 0;
}

function disagreement(
  { agreement, floor }: OutputPair,
  of: (agreement: SampleAgreement) => number | null,
): readonly [number, number] | undefined {
  const [own, other] = [floor === undefined ? null : of(floor), of(agreement)];
  return own === null || other === null ? undefined : [1 - own, 1 - other];
}

function both(baseline: 0 | 1 | null, shadow: 0 | 1 | null): readonly [number, number] | undefined {
  return baseline === null || shadow === null ? undefined : [baseline, shadow];
}

/** Whether an answer is not the JSON that was asked for; null if none was. */
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

/** A primary whose answers are in a fence less often than this writes JSON without one. */
const rareFence = 0.01;

/** True if the primary hardly ever writes a fence around JSON. */
export function hasRareFences(pairs: readonly OutputPair[]): boolean {
  const asked = pairs.filter(({ primary }) => primary.json !== null);
  const fenced = asked.filter(({ primary }) => primary.json === "fenced");
  return fenced.length < rareFence * asked.length;
}

import type { Segment, SegmentBy } from "../report/segment.ts";
import type { Bounds } from "../statistics/confidence-sequence.ts";
import { type OutputTerms, outputMargin } from "./output-config.ts";
import type { OutputPair, OutputPairs } from "./output-pairs.ts";
import { endBounds, evidenceNow, type OutputValue, unitsOf } from "./output-units.ts";
import { hasRareFences, type OutputGate, outputGates } from "./output-values.ts";
import {
  type Bucket,
  bucketsNextTo,
  bucketsOf,
  type Grouping,
  minShown,
  sizeName,
} from "./segment-buckets.ts";
import type { SegmentKind, SegmentSettings } from "./segment-settings.ts";

/** Gates about latency and errors on which segments are compared. */
export type LaneGate = "ttft.typical" | "tpot.typical" | "whole.typical" | "errors";

/** One kind of request under one gate. */
export interface Measured
  extends Pick<Segment, "by" | "bucket" | "gate" | "kind" | "share" | "n" | "margin" | "estimate"> {
  /** Evidence that the segment is over its margin, valid for one analysis; undefined if there are too few pairs. */
  readonly eValue: number | undefined;
  /** True if neither lane has anything bad. It still counts as a hypothesis, but gets no row in the report. */
  readonly isQuiet: boolean;
  readonly boundsAt: (alpha: number) => Bounds;
}

interface OutputSegments {
  readonly terms: OutputTerms;
  readonly settings: Pick<SegmentSettings, "by">;
  /** The kinds of requests whose latency is compared. */
  readonly others: readonly Bucket[];
}

/** Compares the content of answers for each kind of request. */
export function measureOutputs(
  { pairs }: OutputPairs,
  { terms, settings, others }: OutputSegments,
): readonly Measured[] {
  const gates = outputGates({ isFenceBad: hasRareFences(pairs) });
  const wanted = gates.filter(({ isOfSameModel }) => terms.isSameModel || !isOfSameModel);
  const buckets = bucketsNextTo(others, bucketsOf(groupingOf(pairs, settings)));
  return buckets.flatMap((bucket) =>
    wanted.flatMap((gate) => measure(bucket, { gate, pairs, terms })),
  );
}

interface MeasureContext {
  readonly gate: OutputGate;
  readonly pairs: readonly OutputPair[];
  readonly terms: OutputTerms;
}

function measure(
  { by, name, indices }: Bucket,
  { gate: { id, isBinary, badness }, pairs, terms }: MeasureContext,
): readonly Measured[] {
  const values = indices.flatMap((index): readonly OutputValue[] => {
    const pair = pairs[index];
    const found = pair === undefined ? undefined : badness(pair);
    if (pair === undefined || found === undefined) return [];
    return [{ session: pair.session, baseline: found[0], shadow: found[1] }];
  });
  const n = values.length;
  if (n < minShown) return [];
  const units = unitsOf(values);
  const margin = outputMargin(id, terms);
  const estimate = units.reduce((all, { sum }) => all + sum, 0) / n;
  return [
    {
      ...{ by, bucket: name, gate: id, kind: "rate", n, margin, estimate },
      share: indices.length / pairs.length,
      isQuiet: values.every(({ baseline, shadow }) => baseline === 0 && shadow === 0),
      eValue: evidenceNow(units, margin),
      boundsAt: (alpha) => endBounds({ units, isBinary, alpha }),
    },
  ];
}

function groupingOf(pairs: readonly OutputPair[], { by }: Pick<SegmentSettings, "by">): Grouping {
  const hasTokens = pairs.some(({ promptTokens: [first] }) => first !== null);
  const size = ({ promptTokens: [first], promptBytes }: OutputPair) =>
    (hasTokens ? first : promptBytes) ?? undefined;
  const names: readonly (readonly [SegmentKind, SegmentBy, (pair: OutputPair) => Name])[] = [
    ["model", "model", ({ request, kind }) => kind?.model ?? request.model],
    ["path", "path", ({ kind }) => kind?.path],
    ["stream", "stream", ({ isStream }) => (isStream ? "streamed" : "whole")],
    ["promptTokens", hasTokens ? "prompt_tokens" : "prompt_bytes", (pair) => sizeName(size(pair))],
    ["shape", "shape", ({ request, kind }) => kind?.shape ?? request.shape],
    ["priority", "priority", ({ kind }) => kind?.priority],
    ["decode", "decode", ({ request }) => request.decode],
    ["script", "script", ({ request }) => request.script],
  ];
  const wanted = names.filter(([kind]) => by.includes(kind));
  return {
    size: pairs.length,
    counts: () => true,
    names: Object.fromEntries(
      wanted.map(([, each, nameOf]) => [
        each,
        (index: number) => {
          const pair = pairs[index];
          return (pair === undefined ? undefined : nameOf(pair)) ?? undefined;
        },
      ]),
    ),
  };
}

type Name = string | null | undefined;

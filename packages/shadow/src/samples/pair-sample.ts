import type { Leg } from "../measure/leg.ts";
import { perToken } from "../measure/leg-recorder.ts";
import type { LostTwin } from "../pairing/recorder.ts";
import type { SampleComparison, SampleOutput } from "./output-fields.ts";
import type { DropReason, Sample, SampleLeg } from "./sample.ts";

/** Fields of a sample other than its legs. */
export interface SampleFrame {
  readonly id: string;
  /** Dispatch of the primary, in ms since the epoch. */
  readonly t0: number;
  readonly route: string;
  readonly candidate: string;
  readonly session?: string;
}

/**
 * Creates the sample of a request and its twin. Tokens are counted in the best way available for both legs.
 *
 * @param compared what the answers say, if they were looked at; only of answers that are both ok
 */
export function pairSample(
  frame: SampleFrame,
  primary: Leg,
  shadow: Leg,
  compared?: SampleComparison,
): Sample {
  const source = commonSource(primary, shadow);
  const areOk = primary.class === "ok" && shadow.class === "ok";
  const outputs = areOk ? compared : undefined;
  return {
    ...head(frame),
    mirrored: true,
    drop: null,
    primary: withOutput(sampleLeg(primary, source), outputs?.primary),
    shadow: withOutput(sampleLeg(shadow, source), outputs?.shadow),
    lag: rounded(shadow.t0 - primary.t0),
    ...kindOf(primary),
    ...(outputs === undefined ? {} : comparisonFields(outputs, primary)),
  };
}

function withOutput(leg: SampleLeg, out: SampleOutput | undefined): SampleLeg {
  return out === undefined ? leg : { ...leg, out };
}

function comparisonFields(
  { request, agreement }: SampleComparison,
  { kind }: Leg,
): Pick<Sample, "req" | "cmp"> {
  const model = kind?.model ?? null;
  return { ...(request === undefined ? {} : { req: { ...request, model } }), cmp: agreement };
}

/** Creates the sample of a mirrored request whose twin never arrived, or was not measured. */
export function lostSample(frame: SampleFrame, primary: Leg, twin: LostTwin): Sample {
  return {
    ...{ ...head(frame), mirrored: true, drop: null, primary: sampleLeg(primary), shadow: null },
    ...(twin === "unsent" ? { unsent: true } : {}),
    ...(twin === "unmeasured" ? { unmeasured: true } : {}),
    ...kindOf(primary),
  };
}

/** Creates the sample of a request that was not mirrored. */
export function unmirroredSample(
  frame: SampleFrame,
  primary: Leg | { readonly promptBytes?: number },
  drop: DropReason | null,
): Sample {
  const leg =
    "requestId" in primary
      ? sampleLeg(primary)
      : { ...unseenLeg, promptBytes: primary.promptBytes ?? null };
  return { ...head(frame), mirrored: false, drop, primary: leg, shadow: null };
}

function head({ id, t0, route, candidate, session }: SampleFrame) {
  return { v: 1, id, t0: Math.round(t0), route, candidate, session: session ?? null } as const;
}

function kindOf({ kind }: Leg): Pick<Sample, "request"> {
  return kind === undefined ? {} : { request: kind };
}

/** A leg that was not observed. */
const unseenLeg: SampleLeg = {
  status: null,
  class: null,
  stream: null,
  ttft: null,
  ttfo: null,
  tpot: null,
  e2e: null,
  outTokens: null,
  tokenSource: null,
  outChars: null,
  promptTokens: null,
  cachedTokens: null,
  promptBytes: null,
  finish: null,
  endpoint: null,
  attempts: null,
};

type Source = "usage" | "chunks";

function commonSource(primary: Leg, shadow: Leg): Source | undefined {
  if (primary.outTokensFrom === shadow.outTokensFrom) return undefined;
  const canCount = (leg: Leg) => (leg.tokenEvents ?? 0) > 0;
  return canCount(primary) && canCount(shadow) ? "chunks" : undefined;
}

function sampleLeg(leg: Leg, source?: Source): SampleLeg {
  const isRecounted = source !== undefined && leg.outTokensFrom !== source;
  const tokens = isRecounted ? leg.tokenEvents : leg.outTokens;
  const generationMs =
    leg.e2eMs === undefined || leg.ttftMs === undefined ? undefined : leg.e2eMs - leg.ttftMs;
  return {
    status: leg.status,
    class: leg.class,
    stream: leg.stream,
    ttft: rounded(leg.ttftMs),
    ttfo: rounded(leg.ttfoMs),
    tpot: rounded(isRecounted ? perToken(generationMs, tokens) : leg.tpotMs),
    e2e: rounded(leg.e2eMs),
    outTokens: tokens ?? null,
    tokenSource: isRecounted ? source : (leg.outTokensFrom ?? null),
    outChars: leg.outChars,
    promptTokens: leg.promptTokens ?? null,
    cachedTokens: leg.cachedTokens ?? null,
    promptBytes: leg.promptBytes ?? null,
    finish: leg.finishReason ?? null,
    endpoint: leg.endpoint ?? null,
    attempts: leg.attempts ?? null,
    tpoc: rounded(leg.tpocMs),
    stall: rounded(leg.maxIclMs),
    ...(leg.cutMs === undefined ? {} : { cut: rounded(leg.cutMs) }),
  };
}

/** Rounds to the microsecond, the precision of the clock. */
function rounded(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 1_000) / 1_000;
}

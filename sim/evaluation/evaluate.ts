import {
  type EvaluationConfig,
  type GateStatus,
  judge,
  type Sample,
  type ShadowReport,
  type VerdictStatus,
} from "@umbra/shadow";
import { startMs, type TimedSample } from "./traffic/samples.ts";

/** What one simulated evaluation came to. */
export interface Outcome {
  readonly status: VerdictStatus;
  /** When the verdict was final, in s from the start; undefined: it never was. */
  readonly decidedAtS: number | undefined;
  /** Used pairs. */
  readonly pairs: number;
  readonly gates: readonly GateOutcome[];
  /** Checks that failed, by what that does. */
  readonly failedChecks: readonly { readonly id: string; readonly effect: string }[];
}

export interface GateOutcome {
  readonly id: string;
  readonly required: boolean;
  readonly status: GateStatus;
  /** The first interim or final analysis at which the gate passed or failed, in s from the start. */
  readonly passedAtS: number | undefined;
  readonly failedAtS: number | undefined;
}

export interface Looks {
  /** Time between two interim analyses, in s; undefined: only the one at the planned end. */
  readonly everyS: number | undefined;
  readonly sampling?: { readonly percent: number; readonly by: "request" | "session" };
}

/** Interim analyses go on for so long behind the planned end when pairs are still missing, in horizons. */
const patience = 1.5;

/**
 * Judges a run as the sidecar does: interim analyses that keep their state, up to the first FAIL, INVALID or final one.
 * That one is the verdict.
 */
export function evaluate(
  samples: readonly TimedSample[],
  config: EvaluationConfig,
  { everyS, sampling }: Looks,
): Outcome {
  let earlier: ShadowReport | undefined;
  const firsts = createFirsts();
  const horizonS = config.horizonMs / 1_000;
  const known: Sample[] = [];
  let [atS, next] = [0, 0];
  for (;;) {
    atS = everyS === undefined ? horizonS : atS + everyS;
    for (let each = samples[next]; each !== undefined && each.knownAtS <= atS; ) {
      known.push(each.sample);
      next++;
      each = samples[next];
    }
    const report = judge({
      samples: known,
      config,
      isBrief: true,
      facts: {
        startedAtMs: startMs,
        nowMs: startMs + atS * 1_000,
        ...(earlier === undefined ? {} : { earlier }),
        ...(sampling === undefined ? {} : { sampling }),
      },
    });
    earlier = report;
    firsts.note(report, atS);
    const isDecided = report.verdict.final !== null;
    const isOver = everyS === undefined || atS >= horizonS * patience;
    if (isDecided || isOver) return outcomeOf(report, firsts, isDecided ? atS : undefined);
  }
}

function createFirsts() {
  const passed = new Map<string, number>();
  const failed = new Map<string, number>();
  return {
    note({ gates }: ShadowReport, atS: number) {
      for (const { id, status } of gates) {
        const first = status === "PASS" ? passed : status === "FAIL" ? failed : undefined;
        if (first?.has(id) === false) first.set(id, atS);
      }
    },
    passedAtS: (id: string) => passed.get(id),
    failedAtS: (id: string) => failed.get(id),
  };
}

function outcomeOf(
  { verdict, funnel, gates, validity }: ShadowReport,
  firsts: ReturnType<typeof createFirsts>,
  decidedAtS: number | undefined,
): Outcome {
  return {
    status: verdict.status,
    decidedAtS,
    pairs: funnel.used,
    gates: gates.map(({ id, required, status }) => ({
      ...{ id, required, status },
      passedAtS: firsts.passedAtS(id),
      failedAtS: firsts.failedAtS(id),
    })),
    failedChecks: validity.flatMap(({ id, effect, ok }) => (ok === false ? [{ id, effect }] : [])),
  };
}

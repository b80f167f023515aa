import type {
  EvaluationConfig,
  GateId,
  GateStatus,
  Sample,
  ShadowReport,
  VerdictStatus,
} from "@umbra/shadow";
import { judgePart } from "@umbra/shadow/internal";
import { createCouldFail } from "./could-fail.ts";
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
  /** Codes of the verdict's reasons. */
  readonly reasons: readonly string[];
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
  /** When the run is analysed, in s from the start, ascending. */
  readonly atS: readonly number[];
  readonly sampling?: { readonly percent: number; readonly by: "request" | "session" };
  /** Judges this gate alone, which costs a quarter of all. */
  readonly onlyGate?: GateId;
  /** Continues after a final verdict that is INCONCLUSIVE. */
  readonly goesOn?: boolean;
}

/**
 * Judges a run as the sidecar does: interim analyses that keep their state, up to the first FAIL, INVALID or final one.
 * That one is the verdict. Interim analyses in which no gate can fail are left out.
 */
export function evaluate(
  samples: readonly TimedSample[],
  config: EvaluationConfig,
  { atS, sampling, onlyGate, goesOn = false }: Looks,
): Outcome {
  const firsts = createFirsts();
  const known: Sample[] = [];
  const couldFail = createCouldFail(config, startMs + config.warmupMs);
  // Where some requests are not mirrored, each interim analysis checks what mirroring costs the primary.
  const canSkip = sampling === undefined && onlyGate === undefined;
  let next = 0;
  let earlier: ShadowReport | undefined;
  for (const now of atS) {
    for (let each = samples[next]; each !== undefined && each.knownAtS <= now; ) {
      known.push(each.sample);
      couldFail.add(each.sample);
      next++;
      each = samples[next];
    }
    const isInterim = now * 1_000 < config.horizonMs;
    const judgedMs = now * 1_000 - config.warmupMs;
    if (canSkip && isInterim && !couldFail.isPossible(judgedMs)) continue;
    const facts = {
      startedAtMs: startMs,
      nowMs: startMs + now * 1_000,
      ...(earlier === undefined ? {} : { earlier }),
      ...(sampling === undefined ? {} : { sampling }),
    };
    earlier = judgePart({ samples: known, config, isBrief: true, facts }, onlyGate ?? "decisive");
    firsts.note(earlier, now);
    const { final, status } = earlier.verdict;
    const isDecided = final !== null && !(goesOn && status === "INCONCLUSIVE");
    if (isDecided) return outcomeOf(earlier, firsts, now);
  }
  if (earlier === undefined) throw new Error("an evaluation is analysed at least once");
  return outcomeOf(earlier, firsts, undefined);
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
    reasons: verdict.reasons.map(({ code }) => code),
    failedChecks: validity.flatMap(({ id, effect, ok }) => (ok === false ? [{ id, effect }] : [])),
  };
}

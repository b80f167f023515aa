import { changeWords } from "../report/change-words.ts";
import type { GateResult, ShadowReport } from "../report/shadow-report.ts";
import { count, unknown, utcTime } from "./format.ts";
import { gateValues, statusWord } from "./gate-words.ts";
import { headlineOf } from "./headline.ts";

/** Two reports side by side. */
export interface Comparison {
  /** Why the numbers can't be compared; null if they can. */
  readonly warning: string | null;
  /** Name, earlier, now. */
  readonly facts: readonly (readonly [name: string, earlier: string, now: string])[];
  readonly gates: readonly ComparedGate[];
}

export interface ComparedGate {
  readonly id: string;
  /** `+2.4 % (+1.0 % to +3.9 %) ✓ PASS` */
  readonly earlier: string;
  readonly now: string;
  /** Difference of the estimates, now minus earlier. */
  readonly difference: string;
  readonly isOtherStatus: boolean;
}

/** Compares a report with an earlier one, gate by gate. */
export function compareReports(now: ShadowReport, earlier: ShadowReport): Comparison {
  const ids = [...new Set([...now.gates, ...earlier.gates].map(({ id }) => id))];
  const of = (report: ShadowReport, id: string) => report.gates.find((gate) => gate.id === id);
  const isSame = now.evaluation.config_sha256 === earlier.evaluation.config_sha256;
  const fact = (name: string, words: (report: ShadowReport) => string) =>
    [name, words(earlier), words(now)] as const;
  return {
    warning: isSame
      ? null
      : "the configurations differ (margins, gates or length may not be the same), so compare with care",
    facts: [
      fact("verdict", (report) => {
        const { sign, word } = headlineOf(report);
        return `${sign} ${word}`;
      }),
      fact("shadow", ({ candidate }) => candidate.pool || "shadow"),
      fact("to (UTC)", ({ evaluation }) => utcTime(evaluation.ended_at)),
      fact("pairs used", ({ funnel }) => count(funnel.used)),
      fact("configuration", ({ evaluation }) => evaluation.config_sha256.slice(0, 16)),
    ],
    gates: ids.map((id) => comparedGate(id, of(earlier, id), of(now, id))),
  };
}

function comparedGate(
  id: string,
  earlier: GateResult | undefined,
  now: GateResult | undefined,
): ComparedGate {
  const [before, after] = [earlier?.estimate ?? null, now?.estimate ?? null];
  const kind = now?.kind ?? earlier?.kind ?? "ratio";
  const isKnown = before !== null && after !== null && (kind === "rate" || before > 0);
  return {
    id,
    earlier: words(earlier),
    now: words(now),
    difference: isKnown
      ? changeWords(kind === "rate" ? after - before : after / before, kind)
      : unknown,
    isOtherStatus: earlier?.status !== now?.status,
  };
}

function words(gate: GateResult | undefined): string {
  if (gate === undefined) return "no such gate";
  const { estimate, interval } = gateValues(gate);
  const range = interval === unknown ? "" : ` (${interval})`;
  return `${estimate}${range} ${statusWord(gate)}`;
}

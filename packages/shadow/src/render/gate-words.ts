import { changesApart, changeWords } from "../report/change-words.ts";
import type { GateResult, GateStatus, Interval } from "../report/shadow-report.ts";
import { count, duration, milliseconds, number, percent, unknown } from "./format.ts";

/** Sign and word of each gate status, so that nothing depends on colour alone. */
export const gateSigns: Readonly<
  Record<GateStatus, { readonly sign: string; readonly word: string }>
> = {
  PASS: { sign: "✓", word: "PASS" },
  FAIL: { sign: "✗", word: "FAIL" },
  INCONCLUSIVE: { sign: "…", word: "undecided" },
  NOT_JUDGED: { sign: "·", word: "not judged" },
};

/** A gate's two sides, its estimate and its bounds as words, in the unit of its kind. */
export interface GateValues {
  readonly primary: string;
  readonly shadow: string;
  readonly estimate: string;
  /** `-0.4 % to +2.1 %` */
  readonly interval: string;
  readonly margin: string;
  /** Smallest change that would have been detected; empty for FAIL and if unknown. */
  readonly detectable: string;
}

/** Puts a gate's numbers into words. */
export function gateValues(gate: GateResult): GateValues {
  const { kind, margin, margin_low: low, interval, status, smallest_detectable: smallest } = gate;
  const isOpen = status === "PASS" || status === "INCONCLUSIVE";
  const side = kind === "rate" ? percent : gate.id === "length" ? number : milliseconds;
  const [estimate, lower, upper] = apart(gate, interval);
  return {
    primary: side(gate.primary),
    shadow: side(gate.shadow),
    estimate: estimate ?? unknown,
    interval: intervalWords(lower ?? null, upper ?? null),
    margin: `${low === null ? "" : `${changeWords(low, kind)} to `}${changeWords(margin, kind)}`,
    detectable: smallest === null || !isOpen ? "" : changeWords(smallest, kind),
  };
}

function apart(gate: GateResult, interval: Interval | null): readonly (string | null)[] {
  const { estimate, margin, margin_low: low, kind } = gate;
  const limits = low === null ? [margin] : [margin, low];
  return changesApart([estimate, interval?.lower ?? null, interval?.upper ?? null], limits, kind);
}

function intervalWords(lower: string | null, upper: string | null): string {
  if (lower === null && upper === null) return unknown;
  if (lower === null) return `at most ${upper}`;
  return upper === null ? `at least ${lower}` : `${lower} to ${upper}`;
}

/** The level of the gates' intervals, or of the first of them: `90 %`. */
export function levelWords(gates: readonly GateResult[]): string {
  const level = gates.find(({ interval }) => interval !== null)?.interval?.level ?? 0.9;
  return `${Number((level * 100).toFixed(1))} %`;
}

/** A gate's status in words. */
export function statusWord({ status }: Pick<GateResult, "status">): string {
  const { sign, word } = gateSigns[status];
  return `${sign} ${word}`;
}

/** Note on a status: what it waits for, why there is none, or what is remarkable; may be empty. */
export function statusNote(gate: GateResult): string {
  const { status, reason, eta_s } = gate;
  const parts: string[] = [];
  if (reason !== null && status !== "PASS" && status !== "FAIL") parts.push(reason.text);
  if (status === "INCONCLUSIVE" && eta_s !== null && eta_s > 0) {
    parts.push(`about ${duration(eta_s)} more`);
  }
  const burst = gate.events?.burst ?? null;
  if (burst !== null) {
    parts.push(`${count(burst.events)} in one burst of ${duration(burst.seconds)}`);
  }
  return parts.join("; ");
}

/** Evidence relative to what a FAIL needs: `27 % of what FAIL needs`; undefined without evidence. */
export function evidenceWords({ e_value, e_needed }: GateResult): string | undefined {
  if (e_value === null || e_needed === null || !(e_needed > 1)) return undefined;
  const share = Math.max(0, Math.log(Math.max(e_value, 1)) / Math.log(e_needed));
  return share >= 1 ? "enough for FAIL" : `${Math.round(share * 100)} % of what FAIL needs`;
}

/** Row of the gates' table: one gate, or several of the same status without any event. */
export type GateRow =
  | { readonly kind: "gate"; readonly gate: GateResult }
  | {
      readonly kind: "quiet";
      readonly gates: readonly GateResult[];
      readonly status: GateStatus;
      /** `no bad_request, empty, malformed (0 in 3,249)` */
      readonly text: string;
      /** 95 % upper bound on the rate of events: the rule of three. */
      readonly bound: string;
      readonly n: number;
    };

/** Merges rate gates without any event into one row per status. */
export function gateRows(gates: readonly GateResult[]): readonly GateRow[] {
  const rows: GateRow[] = [];
  const folded = new Set<GateResult>();
  for (const gate of gates) {
    if (folded.has(gate)) continue;
    const same = gates.filter(
      (each) => isQuiet(each) && each.status === gate.status && each.required === gate.required,
    );
    if (!isQuiet(gate) || same.length < 2) {
      rows.push({ kind: "gate", gate });
      continue;
    }
    for (const each of same) folded.add(each);
    const n = Math.min(...same.map((each) => each.n));
    rows.push({
      kind: "quiet",
      gates: same,
      status: gate.status,
      text: `no ${same.map(({ id }) => id).join(", ")} (0 in ${count(n)})`,
      bound: `at most ${percent(3 / n)}`,
      n,
    });
  }
  return rows;
}

/** True for a rate gate without events. Its rate is at most 3 / n (Hanley and Lippman-Hand 1983, JAMA 249). */
function isQuiet({ kind, primary, shadow, n, status }: GateResult): boolean {
  const isOpen = status === "PASS" || status === "INCONCLUSIVE";
  return kind === "rate" && isOpen && primary === 0 && shadow === 0 && n > 0;
}

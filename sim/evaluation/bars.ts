import type { Tally } from "./tally.ts";

/** One demand on one cell, with what the simulation found. */
export interface Bar {
  readonly cell: string;
  readonly demand: string;
  readonly found: string;
  /** Two standard errors around what was found. */
  readonly error: string;
  /** `missed`: by more than the Monte Carlo error. `near`: on the wrong side, within it. */
  readonly status: "met" | "near" | "missed";
}

const mostFalsePass = 0.08;
/** Where the run sees fewer swings of the load than this, the error of a PASS is larger and the report must warn. */
const [fewSwings, mostFalsePassOfFewSwings] = [20, 0.12];
const mostFalseFail = 0.05;
const mostInvalid = 0.01;
const judgedS = 1_680;

/** The bars of a cell. None for a cell without runs. */
export function barsOf(tally: Tally): readonly Bar[] {
  const { cell, runs, verdicts } = tally;
  if (runs === 0) return [];
  const most = (demand: string, count: number, limit: number) =>
    shareBar(tally, demand, { count, limit, side: "most" });
  const least = (demand: string, count: number, limit: number) =>
    shareBar(tally, demand, { count, limit, side: "least" });
  const sound = () => most("a sound experiment is INVALID", verdicts.INVALID, mostInvalid);
  switch (cell.claim.kind) {
    case "equal": {
      const { passes } = cell.claim;
      return [
        most("equal lanes FAIL at any analysis", verdicts.FAIL, mostFalseFail),
        sound(),
        ...(passes === undefined ? [] : [least("equal lanes PASS", verdicts.PASS, passes)]),
      ];
    }
    case "sound":
      return [sound()];
    case "margin": {
      if (!cell.claim.isStationary) return [];
      const { gate } = cell.claim;
      const isFew = swingsOf(tally) < fewSwings;
      const limit = isFew ? mostFalsePassOfFewSwings : mostFalsePass;
      return [
        most(`${gate} at its margin passes`, falsePasses(tally, gate), limit),
        // More than the usual error is allowed only to a report that warns.
        ...(isFew
          ? [most(`${gate} at its margin passes without a warning`, tally.unwarned, mostFalsePass)]
          : []),
      ];
    }
    case "worse": {
      const { passes, fails, beforeS } = cell.claim;
      const never = passes === 0 ? "the worse shadow passes (never)" : "the worse shadow passes";
      return [
        ...(passes === undefined ? [] : [most(never, verdicts.PASS, passes)]),
        ...(fails === undefined ? [] : [least("the worse shadow fails", verdicts.FAIL, fails)]),
        ...(beforeS === undefined ? [] : [timeBar(tally, beforeS)]),
      ];
    }
    case "shown":
      return [];
  }
}

/** Swings of the load that the judged part of a run sees. */
function swingsOf({ cell }: Tally): number {
  return judgedS / (cell.traffic.load?.memoryS ?? 1);
}

/** Runs in which the gate passed at any analysis; where no such gate is judged, those whose verdict is PASS. */
export function falsePasses({ gates, verdicts }: Tally, gate: string): number {
  return gates.get(gate)?.passedAtS.length ?? verdicts.PASS;
}

interface ShareBar {
  readonly count: number;
  readonly limit: number;
  readonly side: "most" | "least";
}

function shareBar({ cell, runs }: Tally, demand: string, { count, limit, side }: ShareBar): Bar {
  const share = count / runs;
  const [low, high] = wilson(count, runs);
  const isMet = side === "most" ? share <= limit : share >= limit;
  const isMissed = side === "most" ? low > limit : high < limit;
  return {
    cell: cell.name,
    demand: `${demand}: at ${side} ${percent(limit)}`,
    found: `${percent(share)} of ${runs}`,
    error: `${percent(low)} to ${percent(high)}`,
    status: isMet ? "met" : isMissed ? "missed" : "near",
  };
}

/** The median over all runs: one that never failed counts as late. Its interval is that of the binomial order statistics. */
function timeBar({ cell, runs, decidedAtS }: Tally, beforeS: number): Bar {
  const late = Array.from(
    { length: runs - decidedAtS.FAIL.length },
    () => Number.POSITIVE_INFINITY,
  );
  const times = [...decidedAtS.FAIL, ...late].sort((a, b) => a - b);
  const at = (rank: number) => times[Math.min(runs - 1, Math.max(0, Math.floor(rank)))] ?? 0;
  const [low, median, high] = [-1, 0, 1].map((side) =>
    at(runs / 2 + (side * z * Math.sqrt(runs)) / 2),
  );
  const found = median ?? Number.POSITIVE_INFINITY;
  return {
    cell: cell.name,
    demand: `median time to FAIL: before ${beforeS} s`,
    found: `${found.toFixed(0)} s`,
    error: `${low?.toFixed(0)} to ${high?.toFixed(0)} s`,
    status: found < beforeS ? "met" : (low ?? 0) >= beforeS ? "missed" : "near",
  };
}

const z = 2;

/** Wilson's interval (1927) of a share, at two standard errors. Exactly 0 and 1 at its ends where nothing, or all, was found. */
export function wilson(count: number, runs: number): readonly [low: number, high: number] {
  const share = count / runs;
  const middle = (share + (z * z) / (2 * runs)) / (1 + (z * z) / runs);
  const radius =
    (z / (1 + (z * z) / runs)) *
    Math.sqrt((share * (1 - share)) / runs + (z * z) / (4 * runs * runs));
  return [count === 0 ? 0 : middle - radius, count === runs ? 1 : middle + radius];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

import type { Cell } from "../cell.ts";
import { ordinary } from "../traffic/kinds.ts";
import { equal } from "../truth.ts";

/** Sound experiments that checks could take for broken ones, and one that is broken. */
export const checkCells: readonly Cell[] = [
  ...[20, 50, 100, 200].map(
    (dropped): Cell => ({
      name: `${dropped} random drops of 5,000`,
      traffic: { ...ordinary, perSecond: 2.8, dropped },
      truth: equal,
      looks: "end",
      claim: { kind: "equal" },
      table: "checks",
    }),
  ),
  ...[0.01, 0.02, 0.03, 0.04].map(
    (atRandom): Cell => ({
      name: `${100 * atRandom} % of twins lost, watched live`,
      traffic: { ...ordinary, lost: { atRandom, slowestRatio: Number.POSITIVE_INFINITY } },
      truth: equal,
      looks: "live",
      claim: { kind: "sound" },
      table: "checks",
    }),
  ),
  ...[40, 100, 400, 2_000].map(
    (count): Cell => ({
      name: `${count} sessions, no harm to the primary`,
      traffic: sessionTraffic(count, 1),
      truth: equal,
      looks: "end",
      claim: { kind: "equal" },
      runs: 0.4,
      table: "checks",
    }),
  ),
  {
    name: "2000 sessions, mirroring costs the primary 20 %",
    traffic: sessionTraffic(2_000, 1.2),
    truth: equal,
    looks: "end",
    claim: { kind: "shown" },
    runs: 0.4,
    table: "checks",
  },
];

function sessionTraffic(count: number, harm: number): Cell["traffic"] {
  return {
    ...ordinary,
    perSecond: 6,
    sessions: { count, logSd: 0.5, mirrored: 0.25, observed: 1, harm },
  };
}

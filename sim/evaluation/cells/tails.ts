import type { GateId } from "@umbra/shadow";
import type { Cell } from "../cell.ts";
import { type KindName, kinds } from "../traffic/kinds.ts";
import type { Truth } from "../truth.ts";

export const tailKinds: readonly KindName[] = [
  "independent",
  "load 5 s",
  "load 20 s",
  "load 60 s",
  "spread 1.0",
  "Pareto 1.5",
];

/** A quantile of the shadow is exactly `factor` times the primary's: all that is a little below it is stretched too. */
const atMargin = (of: "ttft" | "tpot" | "whole", level: 0.9 | 0.99, factor: number): Truth => ({
  tail: { of, from: level === 0.9 ? 0.8 : 0.97, factor },
});

function marginCell(kind: KindName, gate: GateId, truth: Truth, isWhole = false): Cell {
  return {
    name: `${kind}: margin of ${gate}`,
    traffic: { ...kinds[kind], streamed: isWhole ? 0 : 1 },
    truth,
    looks: "end",
    claim: { kind: "margin", gate, isStationary: true },
    table: "tails",
  };
}

/** Gates that are judged at the planned end, at their margins; and tails that are clearly over them. */
export const tailCells: readonly Cell[] = [
  ...tailKinds.flatMap((kind): Cell[] => [
    marginCell(kind, "ttft.p90", atMargin("ttft", 0.9, 1.15)),
    marginCell(kind, "ttft.p99", atMargin("ttft", 0.99, 1.2)),
    {
      name: `${kind}: 1.5x`,
      traffic: kinds[kind],
      truth: { ttft: () => 1.5 },
      looks: "live",
      claim: { kind: "worse" },
      table: "tails",
    },
  ]),
  ...(["load 5 s", "load 60 s"] as const).flatMap((kind) => [
    marginCell(kind, "tpot.typical", { tpot: 1.05 }),
    marginCell(kind, "tpot.p99", atMargin("tpot", 0.99, 1.15)),
    marginCell(kind, "whole.typical", { whole: 1.1 }, true),
    marginCell(kind, "whole.p90", atMargin("whole", 0.9, 1.15), true),
    marginCell(kind, "whole.p99", atMargin("whole", 0.99, 1.2), true),
  ]),
  // Four times the planned length, which is analysed up to three times: only patience may not make a PASS.
  ...(["independent", "load 5 s"] as const).map(
    (kind): Cell => ({
      ...marginCell(kind, "ttft.p99", atMargin("ttft", 0.99, 1.2)),
      name: `${kind}, continues for three stages: margin of ttft.p99`,
      traffic: { ...kinds[kind], seconds: 7_200 },
      looks: "stages",
      runs: 0.3,
      isLong: true,
    }),
  ),
];

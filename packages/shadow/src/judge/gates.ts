import type { GateResult } from "../report/shadow-report.ts";
import type { EvaluationConfig, GateId } from "./config.ts";
import { type IsBad, rateGate } from "./rate-gate.ts";
import {
  type GateContext,
  pairedValues,
  type RatioColumn,
  tailGate,
  typicalGate,
} from "./ratio-gate.ts";
import { isGood, type PairTable } from "./table.ts";

/** Judges every gate. `context.requiredGates` is counted here. */
export function judgeGates(
  table: PairTable,
  context: Omit<GateContext, "requiredGates">,
): readonly GateResult[] {
  const { config } = context;
  const isStreamed = table.isStream.some((flag) => flag === 1);
  const applies = (id: GateId) => {
    if (id === "slo") return hasSlo(config);
    // Without a stream there is no first token to wait for.
    return isStreamed || table.size === 0 || !(id.startsWith("ttft") || id.startsWith("tpot"));
  };
  const ids = (Object.keys(config.gates) as GateId[]).filter(applies);
  const requiredGates = Math.max(1, ids.filter((id) => config.gates[id].required).length);
  const full = { ...context, requiredGates };
  const values = {
    ttft: pairedValues(table, "ttft"),
    tpot: pairedValues(table, "tpot"),
    e2e: pairedValues(table, "e2e"),
    length: pairedValues(table, "length"),
  };
  return ids.map((id) => {
    if (id === "slo") {
      return rateGate(id, table, (lane, index) => !isGood(lane, index, config.slo), full);
    }
    if (id in badness) return rateGate(id, table, badness[id as RateGateId], full);
    const [column, level] = ratioGates[id as RatioGateId];
    return level === undefined
      ? typicalGate(id, values[column], full)
      : tailGate(id, level, values[column], full);
  });
}

type RateGateId = "errors" | "finish.length" | "bad_request" | "empty" | "malformed";
type RatioGateId = Exclude<GateId, RateGateId | "slo">;

/** What is compared, and at which quantile; absent: the typical value. */
const ratioGates: Readonly<
  Record<RatioGateId, readonly [column: RatioColumn, level?: 0.9 | 0.99]>
> = {
  "ttft.typical": ["ttft"],
  "ttft.p90": ["ttft", 0.9],
  "ttft.p99": ["ttft", 0.99],
  "tpot.typical": ["tpot"],
  "tpot.p99": ["tpot", 0.99],
  "e2e.typical": ["e2e"],
  length: ["length"],
};

const badness: Readonly<Record<RateGateId, IsBad>> = {
  errors: (lane, index) => lane.isOk[index] !== 1,
  "finish.length": (lane, index) => lane.finish[index] === "length",
  bad_request: (lane, index) => lane.classes[index] === "bad_request",
  empty: (lane, index) => lane.classes[index] === "empty",
  malformed: (lane, index) => lane.classes[index] === "malformed",
};

function hasSlo({ slo }: EvaluationConfig): boolean {
  return slo.ttft !== undefined || slo.tpot !== undefined || slo.e2e !== undefined;
}

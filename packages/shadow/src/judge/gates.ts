import type { GateResult } from "../report/shadow-report.ts";
import type { EvaluationConfig, GateId } from "./config.ts";
import { type IsBad, rateGate } from "./rate-gate.ts";
import { type GateContext, pairedValues, tailGate, typicalGate } from "./ratio-gate.ts";
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
  const judge = (id: GateId): GateResult => {
    switch (id) {
      case "ttft.typical":
        return typicalGate(id, values.ttft, full);
      case "ttft.p90":
        return tailGate(id, 0.9, values.ttft, full);
      case "ttft.p99":
        return tailGate(id, 0.99, values.ttft, full);
      case "tpot.typical":
        return typicalGate(id, values.tpot, full);
      case "tpot.p99":
        return tailGate(id, 0.99, values.tpot, full);
      case "e2e.typical":
        return typicalGate(id, values.e2e, full);
      case "length":
        return typicalGate(id, values.length, full);
      case "slo":
        return rateGate(id, table, (lane, index) => !isGood(lane, index, config.slo), full);
      case "errors":
      case "finish.length":
      case "bad_request":
      case "empty":
      case "malformed":
        return rateGate(id, table, badness[id], full);
    }
  };
  return ids.map(judge);
}

type RateGateId = "errors" | "finish.length" | "bad_request" | "empty" | "malformed";

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

import { changesApart } from "../report/change-words.ts";
import type { LaneOutputs } from "../report/report-outputs.ts";
import type { ShadowReport } from "../report/shadow-report.ts";
import { percent, unknown } from "./format.ts";
import { gateValues } from "./gate-words.ts";

/** What is wrong with the answers of each lane, in words. The first row has the headings. */
export interface OutputTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const flags: readonly (readonly [field: keyof LaneOutputs, gate: string, what: string])[] = [
  ["refusal", "out.refusal", "refusals"],
  ["loop", "out.loop", "loops"],
  ["json_bad", "out.json", "not the requested JSON"],
  ["tool_bad", "out.toolBad", "invalid tool calls"],
  ["script_bad", "out.script", "another script than the user's"],
];

/** Undefined if the report has no answers. The interval of a difference is that of its gate. */
export function outputTable({ outputs, gates }: ShadowReport): OutputTable | undefined {
  if (outputs === null) return undefined;
  const { primary, shadow, control } = outputs.lanes;
  const rows = flags.flatMap(([field, gateId, what]): readonly (readonly string[])[] => {
    const [first, second] = [primary[field], shadow[field]];
    if (first === null || second === null) return [];
    const gate = gates.find(({ id }) => id === gateId);
    const [change = unknown] = changesApart([second - first], [], "rate");
    return [
      [
        ...[what, percent(first)],
        ...(control === undefined ? [] : [percent(control[field])]),
        ...[percent(second), change ?? unknown],
        gate === undefined ? unknown : gateValues(gate).interval,
      ],
    ];
  });
  if (rows.length === 0) return undefined;
  const lanes = ["primary", ...(control === undefined ? [] : ["control"]), "shadow"];
  return { columns: [...lanes, "change", "interval"], rows };
}

import type { GateResult } from "../../../report/shadow-report.ts";
import { count, gateSigns, gateStatus, gateValues, number, unknown } from "../../format.ts";
import { text } from "../escape.ts";
import { forest, forestScale } from "../svg/forest.ts";
import { type Cell, left, table, wrapped } from "../table.ts";

/** Every gate with its interval against its margin. */
export function gatesSection(gates: readonly GateResult[]): string {
  const columns = [
    ...["gate", "primary", "shadow", "change", left(`against the margin${forestScale()}`)],
    ...[{ html: "interval", className: "c" }, "margin", "n", left("status")],
  ];
  const caption =
    "Change of the shadow against the baseline: ratios, where 1 is equal, and differences of rates, where 0 is equal. PASS: the whole interval is under the margin. FAIL: all of it is over.";
  return `<section aria-labelledby="gates"><h2 id="gates">Gates</h2>
${table({ caption, columns, rows: gates.map(row), className: "gates" })}</section>`;
}

function row(gate: GateResult): readonly Cell[] {
  const { primary, shadow, estimate, lower, upper, margin } = gateValues(gate);
  const advisory = gate.required ? "" : ' <span class="advisory">advisory</span>';
  const { sign, word } = gateSigns[gate.status];
  // The status says sign and word; what it waits for stands below, smaller.
  const more = gateStatus(gate)
    .slice(`${sign} ${word}`.length)
    .replace(/^[, ]*\(?|\)$/g, "");
  const isPending = gateStatus(gate).startsWith(`${sign} pending`);
  const note = isPending ? "judged at the planned end" : more;
  const evidence =
    gate.e_value === null || gate.e_needed === null
      ? ""
      : `<small>e-value ${number(gate.e_value)}, FAIL needs ${number(gate.e_needed)}</small>`;
  const blocks =
    gate.blocks === null || gate.block_s === null
      ? ""
      : `<small>${count(gate.blocks)} × ${number(gate.block_s)} s</small>`;
  const interval = gate.interval === null ? unknown : `${lower} to ${upper}`;
  return [
    `${text(gate.id)}${advisory}`,
    primary,
    shadow,
    { html: estimate, className: "strong" },
    { html: forest(gate), className: "l plot" },
    { html: `${interval}${evidence}`, className: "c" },
    margin,
    `${count(gate.n)}${blocks}`,
    wrapped(
      `<strong class="${gate.status}">${sign} ${isPending ? "pending" : word}</strong>${note === "" ? "" : `<small>${text(note)}</small>`}`,
    ),
  ];
}

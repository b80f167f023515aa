import type { GateResult, ShadowReport } from "../../../report/shadow-report.ts";
import { count, number, unknown } from "../../format.ts";
import {
  type GateRow,
  gateRows,
  gateSigns,
  gateValues,
  levelWords,
  statusNote,
  statusWord,
} from "../../gate-words.ts";
import { text, unbroken } from "../escape.ts";
import { forest, forestScale } from "../svg/forest.ts";
import { type Cell, left, table, wrapped } from "../table.ts";

/** Every gate with its interval against its margin. */
export function gatesSection({ gates, evaluation }: ShadowReport): string {
  const level = levelWords(gates);
  const columns = [
    ...["gate", left("status"), "primary", "shadow", "change"],
    ...[left(`against the margin${forestScale()}`), { html: `${level} interval`, className: "c" }],
    ...["margin", "n"],
  ];
  const alpha = `${Number((evaluation.alpha * 100).toFixed(2))} %`;
  const caption = `Change of the shadow relative to the primary: per cent for times, percentage points (pp) of rates. The thick line is the ${level} interval: PASS when all of it is under the margin. The thin line is the wider interval that decides FAIL: all of it must be over the margin, at an error of ${alpha} for all required gates together. “Could see”: the smallest change that this much data finds in 80 of 100 runs.`;
  return `<section aria-labelledby="gates"><h2 id="gates">Gates</h2>
${table({ caption, columns, rows: gateRows(gates).map(row), className: "gates" })}</section>`;
}

function row(each: GateRow): readonly Cell[] {
  if (each.kind === "quiet") {
    const { gates, status, text: words, bound, n } = each;
    const isRequired = gates.some(({ required }) => required);
    return [
      `${unbroken(words)}${isRequired ? "" : advisory}`,
      wrapped(`<strong class="${status}">${statusWord({ status })}</strong>`),
      ...["0", "0", { html: "+0.00 pp", className: "strong" }],
      ...[
        left(`<small>rate ${text(bound)}, by the rule of three</small>`),
        unknown,
        unknown,
        count(n),
      ],
    ];
  }
  const { gate } = each;
  const { primary, shadow, estimate, interval, margin, detectable } = gateValues(gate);
  const power = detectable === "" ? "" : `could see ${detectable}`;
  const note = [statusNote(gate), power].filter((part) => part !== "").join("; ");
  const blocks =
    gate.blocks === null || gate.block_s === null
      ? ""
      : `<small>${count(gate.blocks)} × ${number(gate.block_s)} s</small>`;
  return [
    `${unbroken(gate.id)}${gate.required ? "" : advisory}`,
    wrapped(
      `<strong class="${gate.status}">${statusWord(gate)}</strong>${note === "" ? "" : `<small>${unbroken(note)}</small>`}`,
    ),
    primary,
    shadow,
    { html: estimate, className: "strong" },
    { html: gateForest(gate), className: "l plot" },
    { html: unbroken(interval), className: "c range" },
    { html: unbroken(margin), className: "range" },
    `${count(gate.n)}${blocks}`,
  ];
}

/** Draws a gate's intervals against its margin. */
export function gateForest(gate: GateResult): string {
  const { interval: bounds, fail_interval: wide } = gate;
  const { estimate, interval, margin } = gateValues(gate);
  return forest({
    ...{ kind: gate.kind, estimate: gate.estimate, status: gate.status, wide },
    ...{ lower: bounds?.lower ?? null, upper: bounds?.upper ?? null },
    ...{ margin: gate.margin, marginLow: gate.margin_low },
    label: `${gate.id}: ${estimate === unknown ? "no estimate yet" : `${estimate}, interval ${interval === unknown ? "not known yet" : interval}`}, margin ${margin}, ${gateSigns[gate.status].word}`,
  });
}

const advisory = ' <span class="advisory">advisory</span>';

import { falsePasses } from "../bars.ts";
import type { Cell } from "../cell.ts";
import { rateCells } from "../cells/rates.ts";
import { tailCells, tailKinds } from "../cells/tails.ts";
import { gateShare, notRun, passFail, type Results, runsOf, share } from "./results.ts";
import type { Table } from "./table.ts";

/** TTFT's tails by kind of traffic. */
export function tailTable(results: Results): Table {
  const row = (kind: string, gate: string) => [
    gateShare(results.get(`${kind}: margin of ${gate}`), gate, "PASS"),
    gateShare(results.get(`${kind}: equal`), gate, "PASS"),
    gateShare(results.get(`${kind}: 1.5x`), gate, "FAIL"),
  ];
  const of = (gate: string) => [`${gate}: margin`, "equal", "1.5x FAIL"];
  return {
    title: "Tails at the planned end, %",
    note: "False PASS at the margin (promised: at most 5), PASS of equal lanes, FAIL of a shadow that is 1.5 times slower.",
    columns: ["traffic", ...of("ttft.p90"), ...of("ttft.p99")],
    rows: tailKinds.map((kind) => [kind, ...row(kind, "ttft.p90"), ...row(kind, "ttft.p99")]),
  };
}

/** False PASS of all other gates at their margins. */
export function otherMarginsTable(results: Results): Table {
  const rows = [...tailCells, ...rateCells].flatMap((cell) => {
    const { claim, name } = cell;
    if (claim.kind !== "margin" || claim.gate.startsWith("ttft")) return [];
    return [[name, ...marginRow(results, cell, claim.gate)]];
  });
  return {
    title: "False PASS of the other gates at their margins, %",
    note: "The gate alone is judged: a whole verdict passes no more often. What a run sees once or never, such as two outages an hour, no method can tell.",
    columns: ["shadow", "runs", "false PASS", "FAIL"],
    rows,
  };
}

function marginRow(results: Results, { name }: Cell, gate: string): readonly string[] {
  const tally = results.get(name);
  if (tally === undefined) return [notRun, notRun, notRun];
  return [
    runsOf(tally),
    share(falsePasses(tally, gate), tally.runs),
    gateShare(tally, gate, "FAIL"),
  ];
}

const sloKinds = [
  "independent",
  "load 5 s",
  "load 20 s",
  "load 60 s",
  "strong load 20 s",
  "bursts",
];

/** Attainment of an SLO that a tenth of the requests miss. */
export function sloTable(results: Results): Table {
  return {
    title: "Gate slo, %",
    note: "A tenth of the primary's requests miss the SLO; the margin is 1 point. PASS / FAIL of equal lanes, false PASS at the margin, FAIL where 5 points more are missed.",
    columns: ["traffic", "equal: PASS / FAIL", "margin: PASS", "5 points more: FAIL"],
    rows: sloKinds.map((kind) => [
      kind,
      passFail(results.get(`${kind}: equal, SLO`), "slo"),
      gateShare(results.get(`${kind}: margin of slo`), "slo", "PASS"),
      gateShare(results.get(`${kind}: SLO missed by 5 points more`), "slo", "FAIL"),
    ]),
  };
}

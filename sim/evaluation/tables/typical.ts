import { courseCells } from "../cells/typical.ts";
import { methods } from "../methods/list.ts";
import type { Decision } from "../methods/method.ts";
import type { Tally } from "../tally.ts";
import { kindNames } from "../traffic/kinds.ts";
import { gateShare, medianTime, notRun, passFail, type Results, runsOf, share } from "./results.ts";
import type { Table } from "./table.ts";

const gate = "ttft.typical";
const names = Object.keys(methods);

function of(tally: Tally | undefined, method: string, verdict: Decision["verdict"]): string {
  return share(tally?.methods.get(method)?.verdicts[verdict], tally?.runs);
}

const both = (tally: Tally | undefined, method: string) =>
  tally === undefined ? notRun : `${of(tally, method, "PASS")} / ${of(tally, method, "FAIL")}`;

/** False PASS of `ttft.typical` at its margin, beside other methods. */
export function marginTable(results: Results): Table {
  return {
    title: `False PASS of ${gate} at its margin, %`,
    note: "The shadow's TTFT is exactly 1.10 times the primary's. Promised: at most 5. Right of Umbra: what other tools say of the same pairs.",
    columns: ["traffic", "Umbra", ...names],
    rows: kindNames.map((kind) => {
      const tally = results.get(`${kind}: margin of ${gate}`);
      return [
        kind,
        gateShare(tally, gate, "PASS"),
        ...names.map((name) => of(tally, name, "PASS")),
      ];
    }),
  };
}

/** Equal lanes and a shadow that is 1.25 times slower, beside other methods. */
export function equalTable(results: Results): Table {
  const bounded = "group seq., 60 s blocks";
  return {
    title: `Equal lanes: PASS / false FAIL of ${gate}, %`,
    note: "1.25x FAIL: of a shadow that is 1.25 times slower.",
    columns: ["traffic", "runs", "Umbra", ...names, "1.25x FAIL: Umbra", `1.25x FAIL: ${bounded}`],
    rows: kindNames.map((kind) => {
      const [equal, slower] = [results.get(`${kind}: equal`), results.get(`${kind}: 1.25x`)];
      return [
        kind,
        runsOf(equal),
        passFail(equal, gate),
        ...names.map((name) => both(equal, name)),
        gateShare(slower, gate, "FAIL"),
        of(slower, bounded, "FAIL"),
      ];
    }),
  };
}

/** How long decisions take. */
export function timeTable(results: Results): Table {
  const timed = ["mSPRT", "group seq., 60 s blocks"];
  const columns = ["Umbra, gate", "Umbra, verdict", ...timed];
  const timesOf = (tally: Tally | undefined, verdict: "PASS" | "FAIL") => {
    const ofGate = tally?.gates.get(gate);
    return [
      verdict === "PASS" ? ofGate?.passedAtS : ofGate?.failedAtS,
      tally?.decidedAtS[verdict],
      ...timed.map((name) => tally?.methods.get(name)?.decidedAtS[verdict]),
    ].map((times) => medianTime(times, tally?.runs));
  };
  return {
    title: `Time to decision of ${gate}, median in s from the start`,
    note: "PASS of equal lanes, and FAIL of a shadow that is 1.25 times slower. Umbra, gate: at any analysis. Where under a tenth of the runs decide: –.",
    columns: [
      "traffic",
      ...columns.map((name) => `PASS: ${name}`),
      ...columns.map((name) => `1.25x FAIL: ${name}`),
    ],
    rows: kindNames.map((kind) => [
      kind,
      ...timesOf(results.get(`${kind}: equal`), "PASS"),
      ...timesOf(results.get(`${kind}: 1.25x`), "FAIL"),
    ]),
  };
}

/** Ratios that change in the course of a run. */
export function courseTable(results: Results): Table {
  return {
    title: `The ratio changes: PASS / FAIL of ${gate}, %`,
    note: "Load of 5 s. Umbra's whole verdict stands in the last column.",
    columns: ["course of the ratio", "Umbra", ...names, "whole verdict"],
    rows: courseCells.map(({ name }) => {
      const tally = results.get(name);
      return [
        name,
        passFail(tally, gate),
        ...names.map((method) => both(tally, method)),
        tally === undefined
          ? notRun
          : `${share(tally.verdicts.PASS, tally.runs)} / ${share(tally.verdicts.FAIL, tally.runs)}`,
      ];
    }),
  };
}

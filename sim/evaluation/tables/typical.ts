import { courseCells } from "../cells/typical.ts";
import { methods } from "../methods/list.ts";
import type { Decision } from "../methods/method.ts";
import type { Tally } from "../tally.ts";
import { kindNames } from "../traffic/kinds.ts";
import { gateShare, medianTime, none, passFail, type Results, share } from "./results.ts";
import type { Table } from "./table.ts";

const gate = "ttft.typical";
const names = Object.keys(methods);

function of(tally: Tally | undefined, method: string, verdict: Decision["verdict"]): string {
  return share(tally?.methods.get(method)?.verdicts[verdict], tally?.runs);
}

const both = (tally: Tally | undefined, method: string) =>
  tally === undefined ? none : `${of(tally, method, "PASS")} / ${of(tally, method, "FAIL")}`;

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
    note: "Last columns: FAIL of a shadow that is 1.25 times slower.",
    columns: ["traffic", "Umbra", ...names, "1.25x: Umbra", `1.25x: ${bounded}`],
    rows: kindNames.map((kind) => {
      const [equal, slower] = [results.get(`${kind}: equal`), results.get(`${kind}: 1.25x`)];
      return [
        kind,
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
  return {
    title: `Time to decision of ${gate}, median in s from the start`,
    note: "PASS of equal lanes / FAIL of 1.25x. The first two columns are of Umbra: of the gate at any analysis, and of the whole verdict. Where under a tenth of the runs decide: –.",
    columns: ["traffic", "Umbra: gate", "Umbra: verdict", ...timed],
    rows: kindNames.map((kind) => {
      const [equal, slower] = [results.get(`${kind}: equal`), results.get(`${kind}: 1.25x`)];
      const pair = (passed: readonly number[] | undefined, failed: readonly number[] | undefined) =>
        `${medianTime(passed, equal?.runs)} / ${medianTime(failed, slower?.runs)}`;
      return [
        kind,
        pair(equal?.gates.get(gate)?.passedAtS, slower?.gates.get(gate)?.failedAtS),
        pair(equal?.decidedAtS.PASS, slower?.decidedAtS.FAIL),
        ...timed.map((name) =>
          pair(
            equal?.methods.get(name)?.decidedAtS.PASS,
            slower?.methods.get(name)?.decidedAtS.FAIL,
          ),
        ),
      ];
    }),
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
          ? none
          : `${share(tally.verdicts.PASS, tally.runs)} / ${share(tally.verdicts.FAIL, tally.runs)}`,
      ];
    }),
  };
}

import type { EndpointScore } from "@umbra/scheduler";
import { printableLines } from "@umbra/shadow/printable";
import type { Explained } from "@umbra/sidecar";
import { tableText } from "../tables.ts";

/** One row per endpoint: which filters kept it, its scores, and whether it was picked. */
export function explanationTable({ pool, request, explanation }: Explained): string {
  const { candidates, filters, scorers, totals, picked, refusal, profile, picker } = explanation;
  const used = filters.filter(({ isSkipped }) => !isSkipped);
  const head = [
    "endpoint",
    ...used.map(({ name }) => name),
    ...scorers.map(({ name, weight }) => (weight === 1 ? name : `${name} x${weight}`)),
    ...(totals.length > 0 ? ["total"] : []),
    "",
  ];
  const rows = candidates.map((endpoint) => [
    endpoint,
    ...used.map(({ survivors }) => (survivors.includes(endpoint) ? "kept" : "–")),
    ...scorers.map(({ scores }) => scoreOf(scores, endpoint)),
    ...(totals.length > 0 ? [scoreOf(totals, endpoint)] : []),
    endpoint === picked ? "picked" : "",
  ]);
  const skipped = filters.filter(({ isSkipped }) => isSkipped).map(({ name }) => name);
  const lines = [
    `pool ${pool}, profile ${profile || "–"}, picker ${picker || "–"}, request ${JSON.stringify(request)}`,
    tableText(head, rows, { style: { compact: true } }).trimEnd(),
    ...(skipped.length === 0 ? [] : [`not used: ${skipped.join(", ")}`]),
    ...(refusal === undefined ? [] : [`refused: ${refusal}`]),
  ];
  return printableLines(`${lines.join("\n")}\n`);
}

function scoreOf(scores: readonly EndpointScore[], endpoint: string): string {
  const found = scores.find((each) => each.endpoint === endpoint);
  return found === undefined ? "" : found.score.toFixed(3);
}

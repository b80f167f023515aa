import {
  type AgreementRow,
  type AnswerFlag,
  type Estimate,
  type FilesComparison,
  refusalLexicon,
} from "@umbra/shadow/compare";
import { tableText } from "../tables.ts";

/** Formats a comparison of two files for a terminal. */
export function comparisonText(comparison: FilesComparison): string {
  const { pairs, triples, cut, paired_by: by } = comparison;
  const floor = triples === 0 ? "" : `, ${triples} of them with a second answer of the primary`;
  const long = cut === 0 ? "" : `; only the start of long answers was compared in ${cut}`;
  return [
    `${pairsOf(pairs)} by ${by}${floor}${long}\n`,
    "Do they say the same?",
    agreementTable(comparison),
    ...(triples === 0 ? [withoutFloor(comparison)] : []),
    ...toolLines(comparison),
    ...jsonLines(comparison),
    ...driftLines(comparison),
    "\nWhat is wrong with the answers on their own?",
    flagTable(comparison),
    lengthLine(comparison.length_log_ratio),
    "",
  ].join("\n");
}

function withoutFloor({ files }: FilesComparison): string {
  const why = files.some(({ role }) => role === "floor")
    ? "no pair has a line in the file given as --floor"
    : "give second answers of the primary to the same requests with --floor";
  return `How far the primary agrees with itself is not known: ${why}`;
}

function agreementTable({ agreement, triples }: FilesComparison): string {
  const head = ["requests", "pairs", "same", "similarity", "common prefix"];
  const floorHead = ["same, primary twice", "lost", "similarity, primary twice", "lost"];
  return tableText(
    triples === 0 ? head : [...head, ...floorHead],
    agreement.map((row) => [
      ...[row.decode, row.n, percent(row.exact), row.sim.toFixed(3), prefix(row)],
      ...(triples === 0 ? [] : floorCells(row)),
    ]),
  ).trimEnd();
}

function prefix({ lcp_p50: median, lcp_share: share }: AgreementRow): string {
  return `${Math.round(median)} characters, ${percent(share)}`;
}

function floorCells({ floor }: AgreementRow): readonly string[] {
  if (floor === null) return ["", "", "", ""];
  const { exact, sim, exact_lost, sim_lost } = floor;
  return [percent(exact), points(exact_lost), sim.toFixed(3), decimals(sim_lost)];
}

const flagWords: Readonly<Record<AnswerFlag, string>> = {
  refusal: `refusal (API flag, or English phrase list ${refusalLexicon})`,
  loop: "loop",
  json: "not the requested JSON",
  tool_calls: "invalid tool call",
  script: "another script than the user's",
};

function flagTable({ flags }: FilesComparison): string {
  return tableText(
    ["answers", "pairs", "primary", "shadow", "difference (95 %)"],
    flags.map(({ flag, n, primary, shadow, difference }) => [
      ...[flagWords[flag], n, percent(primary), percent(shadow), points(difference)],
    ]),
  ).trimEnd();
}

function toolLines({ tools, tools_floor: floor }: FilesComparison): readonly string[] {
  const list = (levels: FilesComparison["tools"]) =>
    levels.map(([level, pairs]) => `${level} ${pairs}`).join(", ");
  if (tools.length === 0) return [];
  const again = floor.length === 0 ? "" : `; the primary twice: ${list(floor)}`;
  return [`Tool calls of pairs: ${list(tools)}${again}`];
}

function jsonLines({ json }: FilesComparison): readonly string[] {
  if (json === null) return [];
  return [
    `JSON, of ${pairsOf(json.n)}: equal in ${percent(json.equal)}, ${percent(json.keys)} of keys shared`,
  ];
}

function driftLines({ logprob }: FilesComparison): readonly string[] {
  if (logprob === null) return [];
  const { n, abs, diff, parted, near_tie: nearTie } = logprob;
  const nats = (mean: Estimate | null) => (mean === null ? "unknown" : decimals(mean));
  const ties =
    parted === 0 ? "" : `; ${percent(nearTie)} of ${parted} first differences are near ties`;
  return [
    `Log probabilities of ${pairsOf(n)}, in nats: ${nats(abs)} apart, difference ${nats(diff)}${ties}`,
  ];
}

function lengthLine(ratio: Estimate | null): string {
  if (ratio === null) return "No pair has text on both sides.";
  const { estimate, lower, upper } = ratio;
  const range =
    lower === null || upper === null ? "" : ` (95 %: ${factor(lower)} to ${factor(upper)})`;
  return `The shadow's texts are ${factor(estimate)} times as long${range}.`;
}

function factor(log: number): string {
  return Math.exp(log).toPrecision(3);
}

function pairsOf(count: number): string {
  return `${count} ${count === 1 ? "pair" : "pairs"}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** In percentage points, with the interval. */
function points({ estimate, lower, upper }: Estimate): string {
  const pp = (value: number) => `${value > 0 ? "+" : ""}${(100 * value).toFixed(1)}`;
  const range = lower === null || upper === null ? "" : ` (${pp(lower)} to ${pp(upper)})`;
  return `${pp(estimate)} pp${range}`;
}

function decimals({ estimate, lower, upper }: Estimate): string {
  const range =
    lower === null || upper === null ? "" : ` (${lower.toFixed(3)} to ${upper.toFixed(3)})`;
  return `${estimate.toFixed(3)}${range}`;
}

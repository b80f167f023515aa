import type {
  GateResult,
  MatrixCell,
  MetricName,
  ReportFunnel,
  ShadowReport,
  ValidityCheck,
} from "../../report/shadow-report.ts";
import {
  checkValue,
  checkWord,
  count,
  gateStatus,
  gateValues,
  milliseconds,
  number,
  ratio,
} from "../format.ts";
import { text } from "./escape.ts";
import { forest } from "./svg/forest.ts";

/** A table with a caption; cells are markup. */
function table(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const headings = head
    .map((cell) => (cell.startsWith("<th") ? cell : `<th scope="col">${cell}</th>`))
    .join("");
  const body = rows.map(([first = "", ...rest]) => {
    const cells = rest.map((cell) => (cell.startsWith("<td") ? cell : `<td>${cell}</td>`));
    return `<tr><th scope="row">${first}</th>${cells.join("")}</tr>`;
  });
  return `<div class="card scroll"><table><caption>${caption}</caption><thead><tr>${headings}</tr></thead><tbody>${body.join("")}</tbody></table></div>`;
}

export function gatesTable(gates: readonly GateResult[]): string {
  const rows = gates.map((gate) => {
    const { primary, shadow, estimate, lower, upper, margin } = gateValues(gate);
    const name = gate.required ? gate.id : `${gate.id} <span class="advisory">advisory</span>`;
    const interval = gate.lower === null ? "–" : `${lower} to ${upper}`;
    const status = `<td class="l wrap ${gate.status}">${text(gateStatus(gate))}</td>`;
    return [
      name,
      primary,
      shadow,
      estimate,
      `<td class="l">${forest(gate)}</td>`,
      interval,
      margin,
      count(gate.n),
      status,
    ];
  });
  const head = [
    "gate",
    "primary",
    "shadow",
    "change",
    "against the margin",
    "interval",
    "margin",
    "n",
    '<th scope="col" class="l">status</th>',
  ];
  return table(
    "Change of the shadow against the baseline: ratios (1 is equal) and differences of rates (0 is equal). Dashed: the margin.",
    head,
    rows,
  );
}

const metricNames: readonly (readonly [MetricName, string])[] = [
  ["ttft_ms", "TTFT"],
  ["ttfo_ms", "TTFO (first visible token)"],
  ["tpot_ms", "TPOT"],
  ["e2e_ms", "E2E"],
];

export function latencyTable({ metrics, throughput, tokens }: ShadowReport): string {
  const rows = metricNames.flatMap(([key, name]) => {
    const { primary, shadow, ratios } = metrics[key];
    if (primary.n === 0) return [];
    const levels = ["p50", "p90", "p99"] as const;
    return levels.map((level) => {
      const change = ratios[level];
      const interval =
        change === null || change.lower === null
          ? "–"
          : `${ratio(change.lower)} to ${ratio(change.upper)}`;
      return [
        `${name} ${level}`,
        milliseconds(primary[level]),
        milliseconds(shadow[level]),
        ratio(change?.estimate ?? null),
        interval,
      ];
    });
  });
  const both = (name: string, of: (lane: typeof throughput.primary) => string) => [
    name,
    of(throughput.primary),
    of(throughput.shadow),
    "",
    "",
  ];
  const rest = [
    both("output tokens/s", ({ tokens_per_s }) => number(tokens_per_s)),
    both("output tokens/s per replica", (lane) => number(lane.tokens_per_s_per_replica)),
    ["output tokens", count(tokens.output.primary), count(tokens.output.shadow), "", ""],
    ...(throughput.primary.goodput_per_s === null
      ? []
      : [both("goodput, requests/s", ({ goodput_per_s }) => number(goodput_per_s))]),
  ];
  return table(
    "Pairs in which both lanes were ok.",
    ["", "primary", "shadow", "ratio", "90 % interval (at the planned end)"],
    [...rows, ...rest],
  );
}

/** Pairs by what both lanes said: rows are the primary's words, columns the shadow's. */
export function matrixTable(caption: string, matrix: readonly MatrixCell[]): string {
  if (matrix.length === 0) return "";
  const firsts = [...new Set(matrix.map(([first]) => first))];
  const seconds = [...new Set(matrix.map(([, second]) => second))];
  const rows = firsts.map((first) => [
    text(first),
    ...seconds.map((second) =>
      count(matrix.find(([a, b]) => a === first && b === second)?.[2] ?? 0),
    ),
  ]);
  return table(caption, ["primary ↓ shadow →", ...seconds.map(text)], rows);
}

export function funnelList(funnel: ReportFunnel): string {
  const { eligible, sampled, dispatched, paired, used } = funnel;
  const steps: readonly (readonly [string, number])[] = [
    ["eligible", eligible],
    ["sampled", sampled],
    ["mirrored", dispatched],
    ["paired", paired],
    ["used", used],
  ];
  const most = Math.max(1, ...steps.map(([, n]) => n));
  const items = steps.map(
    ([name, n]) =>
      `<li><span class="bar" style="width:${Math.round((n / most) * 220)}px"></span>${name} ${count(n)}</li>`,
  );
  const lost = (name: string, counts: Readonly<Record<string, number>>) => {
    const all = Object.entries(counts).map(([reason, n]) => `${text(reason)} ${count(n)}`);
    return `<p class="soft">${name}: ${all.length === 0 ? "none" : all.join(", ")}</p>`;
  };
  return `<div class="card"><h3>From request to judged pair</h3><ol class="funnel">${items.join("")}</ol>${lost("dropped", funnel.dropped)}${lost("censored", funnel.censored)}</div>`;
}

export function checksTable(checks: readonly ValidityCheck[]): string {
  const rows = checks.map((check) => {
    const status =
      check.ok === false ? (check.effect === "invalid" ? "INVALID" : "INCONCLUSIVE") : "";
    return [
      text(check.id),
      `<td class="wrap">${text(check.text)}</td>`,
      checkValue(check),
      `<td class="l ${status}">${check.limits === null ? "" : text(checkWord(check))}</td>`,
    ];
  });
  return table(
    "A broken experiment has no verdict.",
    [
      "check",
      '<th scope="col" class="l">what</th>',
      "found (limits)",
      '<th scope="col" class="l">result</th>',
    ],
    rows,
  );
}

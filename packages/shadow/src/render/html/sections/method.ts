import type { ShadowReport } from "../../../report/shadow-report.ts";
import { count, duration, number, percent, unknown } from "../../format.ts";
import { evidenceWords } from "../../gate-words.ts";
import { lanesOf } from "../../run-words.ts";
import { text } from "../escape.ts";
import { type Cell, left, table, wrapped } from "../table.ts";

/** Method, settings and environment of the evaluation. */
export function methodSection(report: ShadowReport): string {
  return `<section aria-labelledby="method"><h2 id="method">Method, configuration, environment</h2>
<div class="card prose">${method(report)
    .map((line) => `<p>${line}</p>`)
    .join("")}</div>
<div class="grid">
<div class="card"><h3>Configuration</h3><dl class="facts">${configuration(report)}</dl></div>
${environment(report)}
${evidence(report)}
</div></section>`;
}

function method({ evaluation, control }: ShadowReport): readonly string[] {
  const { load } = evaluation;
  return [
    "Each mirrored request is paired with its shadow response, and compared with it alone. Requests near in time share a queue, so the unit of inference is a <strong>block</strong> of time.",
    "PASS is decided once, at the planned end. FAIL may be decided earlier: its intervals and its evidence are valid for any number of interim analyses. Formulas and sources: <code>docs/evaluation.md</code>.",
    `The error of a wrong PASS is at most ${percent(evaluation.alpha, 0)} for each gate; margins were fixed before the run. Kinds of requests are flagged by e-values with e-BH.`,
    ...(load === null
      ? []
      : [
          `Load swings last about ${duration(load.tau_s)}: the run covers ${load.swings === null ? "any number" : count(load.swings)} of them, and needs ${count(load.swings_needed)}.`,
        ]),
    control === null
      ? "There is no control lane: the cost of mirroring and of a differently sized pool is included in the differences."
      : "The control lane replaces the primary in every gate, so the cost of mirroring itself is excluded.",
  ];
}

/** E-values, for readers who know them. */
function evidence({ gates }: ShadowReport): string {
  const rows = gates.flatMap((gate): readonly (readonly Cell[])[] => {
    const words = evidenceWords(gate);
    if (words === undefined) return [];
    return [[text(gate.id), wrapped(text(words)), number(gate.e_value), number(gate.e_needed)]];
  });
  if (rows.length === 0) return "";
  return table({
    caption: "Evidence against the shadow, for each rate gate. It is valid at any time.",
    columns: ["gate", left("evidence"), "e-value", "FAIL needs"],
    rows,
  });
}

function configuration({ evaluation, tokens, limits_hit }: ShadowReport): string {
  const slo = Object.entries(evaluation.slo_ms).map(([name, ms]) => `${name} ≤ ${number(ms)} ms`);
  const { usage } = tokens.provenance;
  const facts: readonly (readonly [string, string])[] = [
    ["route", evaluation.route === "" ? unknown : evaluation.route],
    ["planned", `${duration(evaluation.horizon_s)} and ${count(evaluation.min_pairs)} pairs`],
    ["warm-up left out", duration(evaluation.warmup_s)],
    ["alpha", number(evaluation.alpha)],
    ["seed", String(evaluation.seed)],
    ["SLO", slo.length === 0 ? "none set" : slo.join(", ")],
    ["tokens counted by the servers", percent(usage, 0)],
    [
      "same tokenizer",
      tokens.same_tokenizer === null
        ? "not known"
        : `${tokens.same_tokenizer ? "yes" : "no: token numbers can't be compared"} (prompt ratio ${number(tokens.prompt_ratio)})`,
    ],
    [
      "captured text",
      evaluation.captured === 0
        ? "none"
        : `${count(evaluation.captured)} redacted samples, explicitly enabled`,
    ],
    ["limits reached", limits_hit.length === 0 ? "none" : limits_hit.join("; ")],
    ["sha256", evaluation.config_sha256],
  ];
  return facts
    .map(([name, value]) => `<div><dt>${name}</dt><dd>${text(value)}</dd></div>`)
    .join("");
}

function environment(report: ShadowReport): string {
  const { baseline, candidate, control } = report;
  const identities = { baseline, control, candidate };
  return table({
    caption: "Environment",
    columns: [left("lane"), left("pool"), left("models"), left("engine"), "replicas"],
    rows: lanesOf(report).map(({ role, lane, pool }): readonly Cell[] => {
      const { models = [], engine = null, replicas = null } = identities[role] ?? {};
      const cell = (value: string) => wrapped(value === "" ? unknown : text(value));
      return [lane, cell(pool), cell(models.join(", ")), cell(engine ?? ""), count(replicas)];
    }),
  });
}

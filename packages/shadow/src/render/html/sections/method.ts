import type { ReportIdentity, ShadowReport } from "../../../report/shadow-report.ts";
import { count, duration, number, percent, unknown, utcTime } from "../../format.ts";
import { text } from "../escape.ts";
import { type Cell, left, table, wrapped } from "../table.ts";

/** How it was judged, by which settings, and on what. */
export function methodSection(report: ShadowReport): string {
  return `<section aria-labelledby="method"><h2 id="method">Method, configuration, environment</h2>
<div class="card prose">${method(report)
    .map((line) => `<p>${line}</p>`)
    .join("")}</div>
<div class="grid">
<div class="card"><h3>Configuration</h3><dl class="facts">${configuration(report)}</dl></div>
${environment(report)}
${segments(report)}
</div></section>`;
}

function method({ evaluation, control }: ShadowReport): readonly string[] {
  return [
    "Each mirrored request is paired with its twin, and compared with it alone. Requests near in time share a queue, so the unit of inference is a <strong>block</strong> of time, long enough that neighbours are hardly correlated.",
    "Typical ratios are geometric means with an asymptotic <strong>confidence sequence</strong>, rates are judged by a betting <strong>e-process</strong>: both hold however often one looks. The interval of a rate is Tango's, for one look; a PASS needs it under the margin too. Tails are judged at the planned end only, by a block bootstrap.",
    `The error of a wrong PASS is at most ${percent(evaluation.alpha, 0)} for each gate; margins were fixed before the run. Formulas and sources: <code>docs/evaluation.md</code>.`,
    control === null
      ? "There is no control lane: differences include what mirroring itself and another size of pool cost."
      : "The control lane stands for the primary in every gate: what mirroring itself costs is taken out.",
  ];
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
        : `${tokens.same_tokenizer ? "yes" : "no: token numbers do not compare"} (prompt ratio ${number(tokens.prompt_ratio)})`,
    ],
    [
      "texts on disk",
      evaluation.captured === 0
        ? "none"
        : `${count(evaluation.captured)} redacted samples, asked for by name`,
    ],
    ["limits reached", limits_hit.length === 0 ? "none" : limits_hit.join("; ")],
    ["sha256", evaluation.config_sha256],
  ];
  return facts
    .map(([name, value]) => `<div><dt>${name}</dt><dd>${text(value)}</dd></div>`)
    .join("");
}

function environment({ baseline, candidate, control }: ShadowReport): string {
  const lane = (
    role: string,
    { pool, models, engine, replicas }: ReportIdentity,
  ): readonly Cell[] => [
    role,
    ...[pool, models.join(", "), engine ?? ""].map((value) =>
      wrapped(value === "" ? unknown : text(value)),
    ),
    count(replicas),
  ];
  return table({
    caption: "Environment",
    columns: [left("lane"), left("pool"), left("models"), left("engine"), "replicas"],
    rows: [
      lane("baseline", baseline),
      ...(control === null ? [] : [lane("control", control)]),
      lane("candidate", candidate),
    ],
  });
}

function segments({ evaluation }: ShadowReport): string {
  if (evaluation.segments.length < 2) return "";
  return table({
    caption: "Stretches in which models and endpoints were the same. The last one is judged.",
    columns: ["from (UTC)", "pairs", left("began with")],
    rows: evaluation.segments.map(({ started_at, pairs, reason }) => [
      text(utcTime(started_at)),
      count(pairs),
      wrapped(text(reason)),
    ]),
  });
}

import type { ReportIdentity, ShadowReport } from "../../report/shadow-report.ts";
import { clock, count, duration, percent, verdictSigns } from "../format.ts";
import { text } from "./escape.ts";
import { style } from "./style.ts";
import { ecdf } from "./svg/ecdf.ts";
import { ratioOverTime } from "./svg/ratio-over-time.ts";
import { scatter } from "./svg/scatter.ts";
import { strataPlot } from "./svg/strata.ts";
import { checksTable, funnelList, gatesTable, latencyTable, matrixTable } from "./tables.ts";

/** The report as one page that needs nothing else: no script, no font, no network. */
export function renderReportHtml(report: ShadowReport): string {
  const { verdict, candidate, evaluation } = report;
  const title = `${verdict.status}: ${candidate.pool}, shadow evaluation ${evaluation.id}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${text(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>Umbra · shadow evaluation ${text(evaluation.id)}</h1>
${verdictBar(report)}
<h2>Gates</h2>
${gatesTable(report.gates)}
<h2>Latency</h2>
${latencyTable(report)}
<h2>Pictures</h2>
<p><span class="key"></span>primary <span class="key sh"></span>shadow</p>
${pictures(report)}
<h2>Reliability</h2>
<div class="grid">${funnelList(report.funnel)}${matrixTable("Pairs by class.", report.errors.matrix)}${matrixTable("Pairs by finish reason.", report.finish_reasons.matrix)}</div>
<h2>Is the experiment sound?</h2>
${checksTable(report.validity)}
<h2>Method</h2>
${method(report)}
<footer>Rendered by Umbra from a ${text(report.schema)} document. Text of prompts and answers is not in it.</footer>
</main>
</body>
</html>
`;
}

function verdictBar(report: ShadowReport): string {
  const { verdict, evaluation, baseline, candidate, control, funnel } = report;
  const so = evaluation.is_final || verdict.status !== "INCONCLUSIVE" ? "" : " so far";
  const reasons = verdict.reasons.slice(0, 12).map((reason) => `<li>${text(reason.text)}</li>`);
  const eta = verdict.next.eta_s === null ? "" : ` (about ${duration(verdict.next.eta_s)})`;
  const sampling =
    evaluation.sampling === null
      ? "not known"
      : `${Number(evaluation.sampling.percent.toFixed(3))} % by ${evaluation.sampling.by}`;
  const facts: readonly (readonly [string, string])[] = [
    ["baseline", identity(baseline, "primary")],
    ["candidate", identity(candidate, "")],
    ...(control === null ? [] : [["control lane", identity(control, "")] as const]),
    ["from", evaluation.started_at.replace("T", " ").slice(0, 19)],
    ["to (UTC)", evaluation.ended_at.replace("T", " ").slice(0, 19)],
    ["run of plan", `${clock(evaluation.elapsed_s)} of ${clock(evaluation.horizon_s)}`],
    ["pairs used", `${count(funnel.used)} of ${count(funnel.dispatched)} mirrored`],
    ["mirrored", sampling],
    ["seed", String(evaluation.seed)],
    ["configuration", evaluation.config_sha256.slice(0, 16)],
  ];
  return `<section class="card verdict ${verdict.status}" aria-label="Verdict">
<span class="word">${verdictSigns[verdict.status]} ${verdict.status}${so}</span>
<ul>${reasons.join("")}</ul>
<p class="next">Next: ${text(verdict.next.action)}${eta}.</p>
<dl>${facts.map(([name, value]) => `<div><dt>${name}</dt><dd>${text(value)}</dd></div>`).join("")}</dl>
</section>`;
}

function identity({ pool, models, engine, replicas }: ReportIdentity, otherwise: string): string {
  const more = [
    models.join(", "),
    engine ?? "",
    replicas === null ? "" : `${replicas} ${replicas === 1 ? "replica" : "replicas"}`,
  ].filter((part) => part !== "");
  const name = pool === "" ? otherwise : pool;
  return more.length === 0 ? name : `${name} (${more.join("; ")})`;
}

function pictures(report: ShadowReport): string {
  const { plots, metrics, gates, timeline, strata } = report;
  const marginOf = (id: string) => gates.find((gate) => gate.id === id)?.margin ?? 1.1;
  const isStreamed = plots.scatter.metric === "ttft_ms";
  const typical = marginOf(isStreamed ? "ttft.typical" : "e2e.typical");
  const name = isStreamed ? "TTFT" : "E2E";
  const curve = (metric: "ttft_ms" | "tpot_ms" | "e2e_ms", label: string) =>
    figure(
      `Distribution of ${label}`,
      ecdf({ name: label, ...plots.ecdf[metric], summaries: metrics[metric] }),
    );
  return `<div class="grid">${[
    isStreamed ? curve("ttft_ms", "TTFT") : curve("e2e_ms", "E2E"),
    figure(`${name} of each pair`, scatter(name, plots.scatter.points, typical)),
    figure(`Ratio of ${name} over time`, ratioOverTime(timeline, typical)),
    ...(isStreamed ? [curve("tpot_ms", "TPOT")] : []),
    figure("Ratio by kind of request", strataPlot(strata, typical)),
  ].join("")}</div>`;
}

function figure(caption: string, content: string): string {
  return `<figure class="card"><h3>${caption}</h3>${content}</figure>`;
}

function method({ evaluation, control, tokens, limits_hit }: MethodInput): string {
  const { captured } = evaluation;
  const lines = [
    `Each mirrored request is paired with its twin. Requests near in time share a queue, so inference is on blocks of time, long enough that neighbours are hardly correlated. Typical ratios are geometric means with an asymptotic confidence sequence, rates have a betting e-process and Tango's interval: both hold however often one looks. Tails are judged at the planned end, by a block bootstrap. The error of a wrong PASS is ${percent(evaluation.alpha, 0)} for each gate. Sources and formulas: docs/evaluation.md.`,
    control === null
      ? "There is no control lane: differences include what mirroring itself and another pool size cost."
      : "The control lane stands for the primary: what mirroring itself costs is taken out.",
    `Left out: ${duration(evaluation.warmup_s)} of warm-up. Tokens counted by the servers in ${percent(tokens.provenance.usage, 0)} of pairs, by stream events in the others.${tokens.same_tokenizer === false ? " The lanes use different tokenizers: token numbers do not compare." : ""}`,
    `SLO: ${slo(evaluation.slo_ms)}. Planned: ${duration(evaluation.horizon_s)} and ${count(evaluation.min_pairs)} pairs. Configuration sha256 ${text(evaluation.config_sha256)}.`,
    ...(captured > 0
      ? [`On disk: ${captured} redacted samples of text, because they were asked for.`]
      : []),
    ...limits_hit.map((limit) => `Limit reached: ${text(limit)}.`),
  ];
  return `<div class="card">${lines.map((line) => `<p>${line}</p>`).join("")}</div>`;
}

type MethodInput = Pick<ShadowReport, "evaluation" | "control" | "tokens" | "limits_hit">;

function slo(limits: Readonly<Record<string, number>>): string {
  const all = Object.entries(limits).map(([name, ms]) => `${name} ${ms} ms`);
  return all.length === 0 ? "none set" : all.join(", ");
}

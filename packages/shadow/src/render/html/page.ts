import type { ShadowReport } from "../../report/shadow-report.ts";
import { text } from "./escape.ts";
import { gatesSection } from "./sections/gates.ts";
import { latencySection } from "./sections/latency.ts";
import { methodSection } from "./sections/method.ts";
import { plotsSection } from "./sections/plots.ts";
import { reliabilitySection } from "./sections/reliability.ts";
import { validitySection } from "./sections/validity.ts";
import { verdictSection } from "./sections/verdict.ts";
import { style } from "./style.ts";

/** The report as one page that needs nothing else: no script, no font, no network. */
export function renderReportHtml(report: ShadowReport): string {
  const { verdict, candidate, evaluation, schema } = report;
  const title = `${verdict.status}: ${candidate.pool || "shadow"}, shadow evaluation ${evaluation.id}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="color-scheme" content="light dark">
<title>${text(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<header><h1>Shadow evaluation <code>${text(evaluation.id)}</code></h1><p class="soft">${text(evaluation.route)}</p></header>
${verdictSection(report)}
${gatesSection(report.gates)}
${latencySection(report)}
${reliabilitySection(report)}
${plotsSection(report)}
${validitySection(report.validity)}
${methodSection(report)}
<footer>Rendered by Umbra from a ${text(schema)} document. It holds numbers and no text of prompts or answers.</footer>
</main>
</body>
</html>
`;
}

import type { ShadowReport } from "../../report/shadow-report.ts";
import { text } from "./escape.ts";
import { reportSections } from "./report-sections.ts";
import { style } from "./style.ts";

/** The report as one page that needs nothing else: no script, no font, no network. */
export function renderReportHtml(report: ShadowReport): string {
  const { verdict, candidate, evaluation, schema } = report;
  const title = `${verdict.status}: ${candidate.pool || "shadow"}, shadow evaluation ${evaluation.id}`;
  return htmlPage({
    head: `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${text(title)}</title>`,
    main: `<header><h1>Shadow evaluation <code>${text(evaluation.id)}</code></h1><p class="soft">${text(evaluation.route)}</p></header>
${reportSections(report)
  .map(({ html }) => html)
  .join("\n")}
<footer>Rendered by Umbra from a ${text(schema)} document. It holds numbers and no text of prompts or answers.</footer>`,
  });
}

/** What a page is made of, as markup. */
export interface PageContent {
  /** Its `<title>`, and what else its head needs. */
  readonly head: string;
  readonly main: string;
}

/** A page in the report's style. */
export function htmlPage({ head, main }: PageContent): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${head}
<style>${style}</style>
</head>
<body>
<main>
${main}
</main>
</body>
</html>
`;
}

import type { ShadowReport } from "../../report/shadow-report.ts";
import { headlineOf } from "../headline.ts";
import { text } from "./escape.ts";
import { reportSections } from "./report-sections.ts";
import { comparisonSection } from "./sections/comparison.ts";
import { style } from "./style.ts";

/** Options of the page. */
export interface HtmlOptions {
  /** Earlier report to compare with. */
  readonly against?: ShadowReport;
}

/** Renders the report as one self-contained page: no script, font or network access. */
export function renderReportHtml(report: ShadowReport, { against }: HtmlOptions = {}): string {
  const { candidate, evaluation, schema } = report;
  const title = `${headlineOf(report).word}: ${candidate.pool || "shadow"}, shadow evaluation ${evaluation.id}`;
  return htmlPage({
    head: `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${text(title)}</title>`,
    main: `<header><h1>Shadow evaluation <code>${text(evaluation.id)}</code></h1><p class="soft">${text(evaluation.route)}</p></header>
${reportSections(report)
  .filter(({ html }) => html !== "")
  .flatMap(({ id, html }) =>
    id === "gates" && against !== undefined ? [html, comparisonSection(report, against)] : [html],
  )
  .join("\n")}
<footer>Rendered by Umbra from a ${text(schema)} document. It contains numbers but no text of prompts or answers.</footer>`,
  });
}

/** Parts of a page, as markup. */
export interface PageContent {
  /** The `<title>` and other elements of the head. */
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

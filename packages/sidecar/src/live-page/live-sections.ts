import type { ShadowReport } from "@umbra/shadow";
import { reportSectionIds, type Section, text, verdictWord } from "@umbra/shadow/html";
import type { PoolAnswer } from "../admin/admin-answers.ts";
import type { Analysis } from "../evaluation/worker-messages.ts";
import type { MirrorState } from "../mirror/mirror-gate.ts";
import { mirrorsSection } from "./mirrors-section.ts";
import { poolsSection } from "./pools-section.ts";

/** The data of the live page. */
export interface LiveState {
  readonly analysis: Analysis;
  readonly pools: readonly PoolAnswer[];
  readonly mirrors: readonly MirrorState[];
}

/**
 * Returns the sections of the page for the chosen evaluation id, or for the first evaluation if the id is unknown. The
 * sections and their order never change; one without content is empty.
 */
export type SectionsOf = (chosen: string | undefined) => readonly Section[];

/** Renders the common sections once for all readers. Pure. */
export function liveSections({
  analysis: { reports, pages },
  pools,
  mirrors,
}: LiveState): SectionsOf {
  const common = [
    { id: "mirrors", html: mirrorsSection(mirrors) },
    { id: "pools", html: poolsSection(pools) },
  ];
  return (chosen) => {
    const report = reports.find(({ evaluation }) => evaluation.id === chosen) ?? reports[0];
    const page = pages.get(report?.evaluation.id ?? "");
    const headline =
      report === undefined ? "" : `${verdictWord(report)} · ${text(report.candidate.pool)}`;
    return [
      { id: "title", html: headline === "" ? "Umbra" : `${headline} · Umbra` },
      { id: "announcement", html: headline },
      { id: "choice", html: reports.length < 2 ? "" : choice(reports, report) },
      ...(page ?? unjudged(mirrors, report)),
      ...common,
    ];
  };
}

/** The report's sections if there is no report, or it is not rendered yet. */
function unjudged(
  mirrors: readonly MirrorState[],
  report: ShadowReport | undefined,
): readonly Section[] {
  const waiting =
    mirrors.length > 0
      ? "Waiting for the evaluation."
      : "Nothing is mirrored, so there is nothing to evaluate.";
  const words = report === undefined ? waiting : "The report follows with the next analysis.";
  const html = `<p class="card soft">${words}</p>`;
  return reportSectionIds.map((id) => ({ id, html: id === "verdict" ? html : "" }));
}

/** Links, because each candidate's page has its own URL. */
function choice(reports: readonly ShadowReport[], shown: ShadowReport | undefined): string {
  const links = reports.map((report) => {
    const { evaluation, candidate, verdict } = report;
    const isAlone = reports.filter((each) => each.candidate.pool === candidate.pool).length === 1;
    const name = isAlone ? candidate.pool : `${candidate.pool} of ${evaluation.route}`;
    const current = report === shown ? ' aria-current="page"' : "";
    return `<li><a href="?evaluation=${encodeURIComponent(evaluation.id)}"${current}><span class="${verdict.status}">${verdictWord(report)}</span> ${text(name)}</a></li>`;
  });
  return `<nav aria-label="Candidates"><ul class="choice">${links.join("")}</ul></nav>`;
}

import type { ShadowReport } from "@umbra/shadow";
import { reportSectionIds, type Section, text, verdictWord } from "@umbra/shadow/html";
import type { PoolAnswer } from "../admin/admin-answers.ts";
import type { Look } from "../evaluation/worker-messages.ts";
import type { MirrorState } from "../mirror/mirror-gate.ts";
import { mirrorsSection } from "./mirrors-section.ts";
import { poolsSection } from "./pools-section.ts";

/** What the live page shows at one moment. */
export interface LiveState {
  readonly look: Look;
  readonly pools: readonly PoolAnswer[];
  readonly mirrors: readonly MirrorState[];
}

/**
 * The sections for those who watch the evaluation with the chosen id, or the first one where there is none with it. They
 * are always the same in the same order: one that has nothing to show is empty.
 */
export type SectionsOf = (chosen: string | undefined) => readonly Section[];

/** Renders once what everybody sees alike. Pure. */
export function liveSections({ look: { reports, pages }, pools, mirrors }: LiveState): SectionsOf {
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

/** A report's sections while there is no report, or it is not written as a page yet. */
function unjudged(
  mirrors: readonly MirrorState[],
  report: ShadowReport | undefined,
): readonly Section[] {
  const waiting =
    mirrors.length > 0 ? "Waiting for the evaluation." : "Nothing is mirrored: nothing to judge.";
  const words = report === undefined ? waiting : "The report comes with the next look.";
  const html = `<p class="card soft">${words}</p>`;
  return reportSectionIds.map((id) => ({ id, html: id === "verdict" ? html : "" }));
}

/** Links: the page of each candidate has an address of its own. */
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

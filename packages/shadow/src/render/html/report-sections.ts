import type { ShadowReport } from "../../report/shadow-report.ts";
import { costSection } from "./sections/cost.ts";
import { gatesSection } from "./sections/gates.ts";
import { latencySection } from "./sections/latency.ts";
import { methodSection } from "./sections/method.ts";
import { outputsSection } from "./sections/outputs.ts";
import { overTimeSection } from "./sections/over-time.ts";
import { plotsSection } from "./sections/plots.ts";
import { reliabilitySection } from "./sections/reliability.ts";
import { segmentsSection } from "./sections/segments.ts";
import { validitySection } from "./sections/validity.ts";
import { verdictSection } from "./sections/verdict.ts";

/** A part of a page that is rendered separately. */
export interface Section {
  /** Its name among the sections of its page. */
  readonly id: string;
  /** Markup. */
  readonly html: string;
}

const renderers: Readonly<Record<string, (report: ShadowReport) => string>> = {
  verdict: verdictSection,
  validity: ({ validity }) => validitySection(validity),
  gates: gatesSection,
  outputs: outputsSection,
  time: overTimeSection,
  segments: segmentsSection,
  latency: latencySection,
  cost: costSection,
  reliability: reliabilitySection,
  plots: plotsSection,
  method: methodSection,
};

/** The sections of a report, in reading order. */
export const reportSectionIds: readonly string[] = Object.keys(renderers);

/**
 * Renders a report section by section; one that the report has nothing for is empty. Pure: the same report gives the
 * same markup.
 */
export function reportSections(report: ShadowReport): readonly Section[] {
  return Object.entries(renderers).map(([id, render]) => ({ id, html: render(report) }));
}

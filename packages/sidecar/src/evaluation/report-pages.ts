import type { ShadowReport } from "@umbra/shadow";
import { reportSections } from "@umbra/shadow/html";
import type { Analysis } from "./worker-messages.ts";

/** Renders reports. Skips a report that can't be rendered: the evaluation must not depend on it. */
export function pagesOf(
  reports: readonly ShadowReport[],
  onTrouble: (text: string) => void,
): Analysis["pages"] {
  const pages = new Map<string, ReturnType<typeof reportSections>>();
  for (const report of reports) {
    try {
      pages.set(report.evaluation.id, reportSections(report));
    } catch (cause) {
      onTrouble(`can't show a report on the live page: ${String(cause)}`);
    }
  }
  return pages;
}

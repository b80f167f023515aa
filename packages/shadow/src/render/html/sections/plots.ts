import type { MetricSummary, ShadowReport } from "../../../report/shadow-report.ts";
import { milliseconds } from "../../format.ts";
import { figure, lanesKey } from "../figure.ts";
import { ecdf } from "../svg/ecdf.ts";
import { scatter } from "../svg/scatter.ts";

/** Distributions and scatter plots, each with an explanation. */
export function plotsSection(report: ShadowReport): string {
  const { plots, metrics, gates } = report;
  const isStreamed = plots.scatter.metric === "ttft_ms";
  const name = isStreamed ? "TTFT" : "E2E";
  const gate = gates.find(({ id }) => id === (isStreamed ? "ttft.typical" : "e2e.typical"));
  const curve = (metric: "ttft_ms" | "tpot_ms" | "e2e_ms", label: string) =>
    figure({
      title: `Distribution of ${label}`,
      content: ecdf({ name: label, ...plots.ecdf[metric], summaries: metrics[metric] }),
      below: readout(metrics[metric]),
      key: lanesKey,
    });
  return `<section aria-labelledby="plots"><h2 id="plots">Pictures</h2><div class="grid">${[
    curve(isStreamed ? "ttft_ms" : "e2e_ms", name),
    figure({
      title: `${name} of each pair`,
      content: scatter(name, plots.scatter.points, gate?.margin ?? 1.1),
      below:
        "Each dot is a request that both lanes answered. Above the grey line the shadow was slower; above the dashed one by more than the margin.",
    }),
    ...(isStreamed ? [curve("tpot_ms", "TPOT")] : []),
  ].join("")}</div></section>`;
}

function readout({ primary, shadow }: MetricSummary): string {
  const parts = (["p50", "p90", "p99"] as const).map(
    (level) => `${level} ${milliseconds(primary[level])} → ${milliseconds(shadow[level])}`,
  );
  return `Share of requests that were as fast or faster; the dots are at ${parts.join(", ")}.`;
}

import type { MetricSummary, ShadowReport, Stratum } from "../../../report/shadow-report.ts";
import { metricNames, milliseconds } from "../../format.ts";
import { text } from "../escape.ts";
import { ecdf } from "../svg/ecdf.ts";
import { ratioOverTime } from "../svg/ratio-over-time.ts";
import { scatter } from "../svg/scatter.ts";
import { strataPlot } from "../svg/strata.ts";

const lanesKey =
  '<p class="keys"><span class="key p"></span>primary <span class="key s"></span>shadow</p>';

/** The pictures, and below each what it says. */
export function plotsSection(report: ShadowReport): string {
  const { plots, metrics, gates, timeline, strata, evaluation } = report;
  const isStreamed = plots.scatter.metric === "ttft_ms";
  const name = isStreamed ? "TTFT" : "E2E";
  const gate = gates.find(({ id }) => id === (isStreamed ? "ttft.typical" : "e2e.typical"));
  const margin = gate?.margin ?? 1.1;
  const curve = (metric: "ttft_ms" | "tpot_ms" | "e2e_ms", label: string) =>
    figure(
      `Distribution of ${label}`,
      ecdf({ name: label, ...plots.ecdf[metric], summaries: metrics[metric] }),
      readout(metrics[metric]),
      lanesKey,
    );
  const started = Date.parse(evaluation.started_at);
  const breaks = evaluation.segments.map(({ started_at, reason }) => ({
    t: (Date.parse(started_at) - started) / 1_000,
    reason,
  }));
  return `<section aria-labelledby="plots"><h2 id="plots">Pictures</h2><div class="grid">${[
    curve(isStreamed ? "ttft_ms" : "e2e_ms", name),
    figure(
      `${name} of each pair`,
      scatter(name, plots.scatter.points, margin),
      "Each dot is a request that both lanes answered. Above the grey line the shadow was slower; above the dashed one by more than the margin.",
    ),
    figure(
      `Ratio of ${name} over time`,
      ratioOverTime({ timeline, margin, breaks }),
      "Dots: blocks of time. Line and band: the estimate so far with its confidence sequence, which may be looked at as often as one likes.",
    ),
    curve("tpot_ms", "TPOT"),
  ].join("")}${kinds(strata, margin)}</div></section>`;
}

/** A picture for each metric: ratios of first tokens and of whole answers do not belong on one axis. */
function kinds(strata: readonly Stratum[], margin: number): string {
  const shown = strata.filter(({ estimate }) => estimate > 0);
  const pictures = metricNames.flatMap(([metric, name]) => {
    const kept = shown.filter((each) => each.metric === metric);
    if (kept.length === 0) return [];
    return [`<div><p class="keys">${name}</p>${strataPlot(name, kept, margin)}</div>`];
  });
  const below =
    "Geometric means with 90 % intervals; described and not judged. Finds what is slow only for some.";
  const content =
    pictures.length === 0 ? undefined : `<div class="grid">${pictures.join("")}</div>`;
  return figure("Ratio by kind of request", content, below, "", "card all");
}

function figure(
  caption: string,
  content: string | undefined,
  below: string,
  key = "",
  className = "card",
): string {
  const drawn =
    content === undefined
      ? '<p class="soft">Too little to draw yet.</p>'
      : `${key}${content}<figcaption>${text(below)}</figcaption>`;
  return `<figure class="${className}"><h3>${caption}</h3>${drawn}</figure>`;
}

function readout({ primary, shadow }: MetricSummary): string {
  const parts = (["p50", "p90", "p99"] as const).map(
    (level) => `${level} ${milliseconds(primary[level])} → ${milliseconds(shadow[level])}`,
  );
  return `Share of requests that were as fast or faster; the dots are at ${parts.join(", ")}.`;
}

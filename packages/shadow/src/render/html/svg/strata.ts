import type { Stratum } from "../../../report/shadow-report.ts";
import { text } from "../escape.ts";
import { coordinate, logAxis } from "./axis.ts";
import { nothing, plot } from "./frame.ts";

const rowHeight = 30;

/** Ratio by kind of request: finds what is slow only for some. */
export function strataPlot(strata: readonly Stratum[], margin: number): string {
  const kept = strata.filter(({ estimate }) => estimate > 0);
  if (kept.length === 0) return nothing("No pairs to group.");
  const values = kept.flatMap(({ estimate, lower, upper }) => [
    estimate,
    lower ?? estimate,
    upper ?? estimate,
  ]);
  const left = 190;
  const from = Math.min(0.9, ...values) / 1.02;
  const to = Math.max(margin * 1.05, ...values) * 1.02;
  const x = logAxis({ from, to, start: left, end: plot.right });
  const bottom = kept.length * rowHeight + 10;
  const line = (value: number, name: string) =>
    `<path class="${name}" d="M${coordinate(x.place(value))} 4V${bottom}"/>`;
  const rows = kept.map(({ by, bucket, n, metric, estimate, lower, upper }, i) => {
    const y = i * rowHeight + 22;
    const kind =
      by === "stream" ? bucket : `${bucket} ${by === "prompt_tokens" ? "tokens" : "bytes"}`;
    const what = metric === "ttft_ms" ? "TTFT" : "E2E";
    const whisker =
      lower === null || upper === null
        ? ""
        : `<path class="line" d="M${coordinate(x.place(lower))} ${y - 4}H${coordinate(x.place(upper))}"/>`;
    return `<text x="${left - 10}" y="${y}" text-anchor="end">${text(`${kind}, ${what}, n ${n}`)}</text>${whisker}<circle class="pf" cx="${coordinate(x.place(estimate))}" cy="${y - 4}" r="4.5"><title>${estimate.toFixed(3)}</title></circle>`;
  });
  return `<svg viewBox="0 0 ${plot.width} ${bottom + 26}" role="img" aria-label="Ratio by kind of request">${line(1, "equal")}${line(margin, "margin")}${rows.join("")}<text x="${coordinate(x.place(1))}" y="${bottom + 18}" text-anchor="middle">equal</text><text x="${coordinate(x.place(margin))}" y="${bottom + 18}" text-anchor="middle">${margin.toFixed(2)}</text></svg>`;
}

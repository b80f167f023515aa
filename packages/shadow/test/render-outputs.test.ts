import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import {
  type ReportOutputs,
  renderReportHtml,
  renderReportJunit,
  renderReportMarkdown,
  renderReportText,
  type ShadowReport,
} from "@umbra/shadow";

const spoken = JSON.parse(
  readFileSync(new URL("cases/render/outputs/report.json", import.meta.url), "utf8"),
) as ShadowReport & { readonly outputs: ReportOutputs };

const renderings = [
  ["terminal", (report: ShadowReport) => renderReportText(report, { color: false })],
  ["Markdown", renderReportMarkdown],
  ["JUnit", renderReportJunit],
  ["HTML", renderReportHtml],
] as const;

/** The report with other outputs; undefined removes a part. */
function withOutputs(change: Readonly<Record<string, unknown>>): ShadowReport {
  return JSON.parse(
    JSON.stringify({ ...spoken, outputs: { ...spoken.outputs, ...change } }),
  ) as ShadowReport;
}

describe.each(renderings)("%s", (_, render) => {
  test("shows every lane, the difference with its interval, and the judge's verdicts", () => {
    const page = render(spoken);
    for (const words of ["0.20 %", "4.67 %", "+4.50 pp", "+2.65 pp to +6.35 pp"]) {
      expect(page).toContain(words);
    }
    expect(page).toContain("the judge prefers the shadow in 17 % of 205 pairs");
    expect(page).toContain("both answers of 205 pairs were sent to the judge model");
    expect(page).toContain("+13.10 pp if the other pairs are used too");
  });

  test("leaves out what there is not: a judge and a control", () => {
    const { primary, shadow } = spoken.outputs.lanes;
    const page = render(
      withOutputs({ judge: undefined, divergence_floor: undefined, lanes: { primary, shadow } }),
    );
    expect(page).not.toMatch(/judge model|of the control/);
    expect(page).toContain("+4.50 pp");
  });

  test("says how similarity was measured, if it is not that of all texts", () => {
    const sampled = spoken.outputs.agreement.map((each) => ({ ...each, sim_n: each.n / 4 }));
    const page = render(withOutputs({ mode: "sketch", agreement: sampled }));
    expect(page).toContain("similarity is estimated from hashes of runs of five characters");
    expect(page).toContain("similarity was measured in 25 % of the pairs");
    expect(page).toContain("at most a fifth of a core");
    expect(render(spoken)).not.toMatch(/similarity is estimated|similarity was measured/);
  });

  test("says that a judge has given no verdict yet", () => {
    const none = { mu: null, lower: null, upper: null, win: null, tie: null, loss: null };
    const page = render(
      withOutputs({ judge: { ...spoken.outputs.judge, ...none, pairs: 0, cost_usd: null } }),
    );
    expect(page).toContain("the judge has given no verdict yet");
  });
});

describe("the page's section about answers", () => {
  const sectionOf = (report: ShadowReport) =>
    /<section aria-labelledby="outputs">.*?<\/section>/s.exec(renderReportHtml(report))?.[0] ?? "";

  test("draws the gates, and where the texts of both lanes part", () => {
    const section = sectionOf(spoken);
    expect(section.match(/aria-label="out\.[^"]*margin[^"]*"/g)).toHaveLength(9);
    expect(section).toContain(
      'aria-label="Share of pairs whose texts agree so far, by characters: after 4096, 79 % of the shadow&#39;s answers still agree with the primary&#39;s; of the control 91 %"',
    );
    expect(section.match(/<path class="[ps]" d="M72 [\d.]+(H[\d.]+V[\d.]+){4}"\/>/g)).toHaveLength(
      2,
    );
    expect(section).toContain("same_args");
  });

  test("draws no curve of one step", () => {
    const section = sectionOf(withOutputs({ divergence: [[16, 0.1]] }));
    expect(section).not.toContain("by characters: after");
    expect(section).toContain("10.00 %");
  });
});

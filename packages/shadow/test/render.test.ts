import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "@jest/globals";
import {
  evaluationConfig,
  type GateResult,
  judge,
  renderReportHtml,
  renderReportJunit,
  renderReportMarkdown,
  renderReportText,
  type ShadowReport,
} from "@umbra/shadow";
import { reportSectionIds, reportSections, shareBar } from "@umbra/shadow/html";
import { Ajv } from "ajv";
import fc from "fast-check";
import { expectGolden } from "../../../testing/golden.ts";
import { propertyRuns } from "../../../testing/property-runs.ts";
import { traffic } from "./fixtures.ts";

const cases = fileURLToPath(new URL("cases/render", import.meta.url));
const isValid = new Ajv({ allowUnionTypes: true }).compile(
  JSON.parse(
    readFileSync(new URL("../../../docs/shadow-report.schema.json", import.meta.url), "utf8"),
  ) as object,
);

const renderings = {
  "report.txt": (report: ShadowReport) => `${renderReportText(report, { color: false })}\n`,
  "report.md": renderReportMarkdown,
  "report.junit.xml": renderReportJunit,
  "report.html": renderReportHtml,
} as const;
const formats = Object.entries(renderings);
const names = [
  ...["empty", "fail", "inconclusive", "inconclusive-live", "invalid", "outputs", "pass"],
] as const;

/** Words of closed lists: all other strings of a report may hold anything. */
const closed = ["schema", "status", "code", "kind", "look", "effect", "by", "metric"];

/** Fields of the report's type that may be null. */
const nullable =
  /(gates\.\d+\.(primary|shadow|estimate|estimate_all|interval|fail_interval|reason|decided_at|smallest_detectable|events|margin_low|blocks|block_s|lag1|e_value|e_needed|eta_s)|interval\.(lower|upper)|\.(has|needs|burst|load|swings|final)|(primary|shadow)\.(mean|p\d\d|max|tokens_per_s|tokens_per_s_per_replica|goodput_per_s)|ratios\.p\d\d|\.(engine|replicas|running|cs_lo|cs_hi|value|limits|mcnemar_p|prompt_ratio|same_tokenizer|sampling)|(strata\.\d+|p\d\d)\.(lower|upper)|next\.eta_s|limits\.\d|(exact|sim)_floor|(shadow|primary|control)\.(refusal|loop)|(json|tool|script)_bad|chars_p50|near_tie|logprob\.(abs|diff)|logprob\.floor\.(abs|excess)|outputs\.(floor|tools|logprob)|judge\.(cost_usd|win|tie|loss|mu|lower|upper|consistency|first_place|mu_same_length|control_mu))$/;

/** A report of its own each time. */
function reportOf(name: (typeof names)[number]): ShadowReport {
  return JSON.parse(readFileSync(`${cases}/${name}/report.json`, "utf8")) as ShadowReport;
}

test("there is a folder for every case, and no other", () => {
  expect(readdirSync(cases).toSorted()).toEqual(names);
});

describe.each(names)("%s", (name) => {
  const report = reportOf(name);

  test("keeps to the schema", () => {
    expect([isValid(report), isValid.errors]).toEqual([true, null]);
  });

  test.each(formats)("%s is as expected", (file, render) => {
    expectGolden(render(report), `${cases}/${name}/${file}`);
  });
});

describe("what the judge makes", () => {
  const config = evaluationConfig({ horizonMs: 599_000, warmupMs: 0, slo: { ttft: 500 }, seed: 7 });
  const usual = { pairs: 2_400, perSecond: 4 };
  const made = [
    { name: "of equal lanes", samples: traffic({ seed: 1, ...usual }) },
    {
      name: "of a worse shadow",
      samples: traffic({ seed: 2, ...usual, ratio: 1.25, shadowErrors: 0.02 }),
    },
    { name: "of half a run", samples: traffic({ seed: 4, pairs: 900, perSecond: 4 }) },
    { name: "of nothing", samples: [] },
  ];

  test.each(made)("$name keeps to the schema and can be rendered", ({ samples }) => {
    const report = judge({ samples, config });
    const found = formats.map(([, render]) => /NaN|Infinity|undefined/.exec(render(report))?.[0]);
    expect([isValid(report), isValid.errors]).toEqual([true, null]);
    expect(found).toEqual(formats.map(() => undefined));
  });
});

describe("the page", () => {
  test("needs nothing else, and runs nothing", () => {
    // Links of labels are followed by a reader alone.
    const page = renderReportHtml(reportOf("fail")).replaceAll(
      /<a href="https:[^>]*>[^<]*<\/a>/g,
      "",
    );
    expect(/<script|https?:|<link|<img|url\(|javascript:|\son\w+=/i.exec(page)?.[0]).toBe(
      undefined,
    );
  });

  test.each([
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "prefers-color-scheme: dark",
    "@media print",
    '<html lang="en">',
  ])("has %s", (part) => {
    expect(renderReportHtml(reportOf("fail")).includes(part)).toBe(true);
  });

  test.each(names)("closes what it opens: %s", (name) => {
    expect(leftOpen(renderReportHtml(reportOf(name)))).toEqual([]);
  });

  test("names every picture, for those who do not see it", () => {
    const page = renderReportHtml(reportOf("pass"));
    const pictures = page.match(/<svg [^>]*>(<title>)?/g) ?? [];
    const unnamed = pictures.filter(
      (tag) => !/role="img" aria-label="[^"]+"><title>$|aria-hidden="true">$/.test(tag),
    );
    expect([pictures.length > 15, unnamed]).toEqual([true, []]);
  });

  test("stays under 300 KB with 2,000 dots", () => {
    const report = reportOf("fail");
    const points = Array.from({ length: 2_000 }, (_, i) => [100.12 + i, 110.46 + i * 1.1] as const);
    const plots = { ...report.plots, scatter: { metric: "ttft_ms" as const, points } };
    expect(renderReportHtml({ ...report, plots }).length).toBeLessThan(300_000);
  });
});

describe("the sections of the page", () => {
  const all = reportSections(reportOf("fail"));
  const sections = all.filter(({ html }) => html !== "");

  test("come in reading order", () => {
    expect(all.map(({ id }) => id)).toEqual(reportSectionIds);
    // The samples of this report do not tell what the answers say.
    expect(all.filter(({ html }) => html === "").map(({ id }) => id)).toEqual(["outputs"]);
    expect(reportSectionIds).toEqual([
      ...["verdict", "validity", "gates", "outputs", "time", "segments", "latency", "cost"],
      ...["reliability", "plots", "method"],
    ]);
  });

  test("make up the page, one after the other", () => {
    const page = renderReportHtml(reportOf("fail"));
    expect(page).toContain(`</header>\n${sections.map(({ html }) => html).join("\n")}\n<footer>`);
  });

  test.each(sections)("$id is one element, and keeps to a policy without inline styles", (each) => {
    expect(each.html).toMatch(/^<section [\s\S]*<\/section>$/);
    expect([leftOpen(each.html), / style=|<style|<script/.test(each.html)]).toEqual([[], false]);
  });

  test.each([
    { share: -0.5, width: "0.0" },
    { share: 0.425, width: "42.5" },
    { share: 1.2, width: "100.0" },
  ])("a bar of $share is filled to $width", ({ share, width }) => {
    expect(shareBar(share)).toContain(`<rect width="${width}" height="12"/>`);
  });
});

describe("the terminal's text", () => {
  test("is the same with colours and without", () => {
    const report = reportOf("fail");
    const coloured = renderReportText(report, { color: true });
    expect(coloured.includes("\u001b[31m")).toBe(true);
    expect(
      stripVTControlCharacters(coloured)
        .split("\n")
        .map((line) => line.trimEnd()),
    ).toEqual(renderReportText(report, { color: false }).split("\n"));
  });

  test.each([80, 100])("breaks its sentences at %i columns", (width) => {
    const lines = renderReportText(reportOf("fail"), { color: false, width }).split("\n");
    const sentences = lines.filter((line) =>
      /^ {0,3}((shadow|baseline|candidate|run|funnel|cost|soundness) {2}|next:|where:|[-!] )/.test(
        line,
      ),
    );
    expect(sentences.filter((line) => line.length > width)).toEqual([]);
  });

  test("says why nothing was mirrored, where requests were not eligible", () => {
    const report = reportOf("empty");
    const funnel = { ...report.funnel, not_eligible: { path: 1_200, model: 3, header: 0 } };
    const text = renderReportText({ ...report, funnel }, { color: false, width: 200 });
    const words = "not eligible 1,203 (path 1,200, model 3)";
    expect(text).toContain(words);
    expect(renderReportMarkdown({ ...report, funnel })).toContain(words);
    expect(renderReportJunit({ ...report, funnel })).toContain(words);
    expect(renderReportHtml({ ...report, funnel })).toContain("path 1,200, model 3");
    expect(isValid({ ...report, funnel })).toBe(true);
  });

  test("leaves the picture of intervals out where there is no room", () => {
    const text = renderReportText(reportOf("pass"), { color: false, width: 100 });
    expect([text.includes("[-"), text.split("\n").every((line) => line.length <= 120)]).toEqual([
      false,
      true,
    ]);
  });
});

describe("JUnit", () => {
  const { gates } = reportOf("pass");
  const outcomes: readonly (Pick<GateResult, "status" | "required"> & { outcome: string })[] = [
    { status: "PASS", required: true, outcome: "><system-out>✓ PASS: " },
    { status: "FAIL", required: true, outcome: '><failure type="fail"' },
    { status: "INCONCLUSIVE", required: true, outcome: '><failure type="inconclusive"' },
    { status: "INCONCLUSIVE", required: false, outcome: "><skipped" },
    { status: "FAIL", required: false, outcome: "><skipped" },
    { status: "NOT_JUDGED", required: true, outcome: "><skipped" },
  ];

  test.each(outcomes)("a gate with $status, required $required: $outcome", (each) => {
    const { outcome, ...status } = each;
    const only = gates.slice(0, 1).map((gate) => ({ ...gate, ...status }));
    const text = renderReportJunit({ ...reportOf("pass"), gates: only });
    expect(text).toContain(`name="ttft.typical"${outcome}`);
  });

  test("a failing check is a failure, unless it is only reported", () => {
    const text = renderReportJunit(reportOf("invalid"));
    expect(text).toContain('name="pairing_rate"><failure type="invalid"');
    expect(text).toContain('name="load_ratio"><failure type="inconclusive"');
  });
});

describe.each(["fail", "outputs"] as const)("what comes from outside, in %s", (name) => {
  const hostile = `"><script>alert('1')</script>|a\u001b[31m\u0000\r\n\u202e@all [x](http://x) \`c\` **b** ]]> &amp;`;
  const report = everyString(reportOf(name), hostile) as ShadowReport;

  test.each(formats)("steers nothing in %s", (_, render) => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/.exec(render(report))).toBe(null);
  });

  test.each(formats.slice(1))("is no markup in %s", (_, render) => {
    expect(/<\/?script|\]\]>/i.exec(render(report))).toBe(null);
  });

  test("is no markup where a number is expected", () => {
    const spoken = reportOf("outputs");
    const divergence = [[hostile, 0.1]] as never;
    const page = renderReportHtml({
      ...spoken,
      outputs: spoken.outputs === null ? null : { ...spoken.outputs, divergence },
    });
    expect(page).toContain("&lt;script&gt;");
    expect(page).not.toContain("<script");
  });

  test("leaves the page's elements as they are", () => {
    expect(leftOpen(renderReportHtml(report))).toEqual([]);
  });

  test("adds no column to Markdown's tables, no link and no mention", () => {
    const text = renderReportMarkdown(report);
    const columnsOf = (page: string) =>
      page
        .split("\n")
        .filter((line) => line.startsWith("| "))
        .map((line) => line.match(/(?<!\\)\|/g)?.length);
    const columns = columnsOf(text);
    expect(new Set(columns)).toEqual(new Set(columnsOf(renderReportMarkdown(reportOf(name)))));
    expect(/(?<!\\)\]\(|:\/\/|@[a-z]|(?<!\\)`/.exec(text)).toBe(null);
  });

  test("leaves JUnit's elements as they are", () => {
    const elements = renderReportJunit(report).match(/<[^>]*>/g) ?? [];
    expect(
      elements.filter((tag) => !/^<[/?]?(xml|test|propert|failure|skipped|system)/.test(tag)),
    ).toEqual([]);
  });
});

test("what is not known is never printed as a number", () => {
  const anyCase = fc.constantFrom(...names);
  const holes = fc.array(fc.boolean(), { minLength: 7, maxLength: 97 });
  fc.assert(
    fc.property(anyCase, holes, (name, mask) => {
      const report = withHoles(reportOf(name), mask);
      const found = formats.map(
        ([, render]) => /NaN|Infinity|undefined|\bnull\b|\[object/.exec(render(report))?.[0],
      );
      expect(found).toEqual(formats.map(() => undefined));
    }),
    { numRuns: propertyRuns(12, 60), seed: 1 },
  );
});

test("a report without lists is rendered", () => {
  const report = reportOf("fail");
  const none = {
    ...report,
    gates: [],
    validity: [],
    strata: [],
    timeline: [],
    errors: { matrix: [], mcnemar_p: null },
    verdict: { ...report.verdict, reasons: [] },
  };
  const found = formats.map(([, render]) => /NaN|Infinity|undefined/.exec(render(none))?.[0]);
  expect(found).toEqual(formats.map(() => undefined));
});

test("an interval without width is drawn", () => {
  const report = reportOf("pass");
  const gates = report.gates.map((gate) => ({
    ...gate,
    estimate: 1,
    interval: { lower: 1, upper: 1, level: 0.9 },
  }));
  const strata = report.strata.map((each) => ({ ...each, lower: 1, estimate: 1, upper: 1 }));
  const timeline = report.timeline.map((each) => ({ ...each, ratio: 1, cs_lo: 1, cs_hi: 1 }));
  const flat = { ...report, gates, strata, timeline };
  const found = formats.map(([, render]) => /NaN|Infinity|undefined/.exec(render(flat))?.[0]);
  expect(found).toEqual(formats.map(() => undefined));
});

function everyString(value: unknown, text: string, key = ""): unknown {
  if (typeof value === "string") return closed.includes(key) ? value : text;
  if (Array.isArray(value)) return value.map((each) => everyString(each, text, key));
  if (typeof value !== "object" || value === null) return value;
  const isRecord = [
    "dropped",
    "censored",
    "not_used",
    "not_eligible",
    "labels",
    "skipped",
  ].includes(key);
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      isRecord ? text : name,
      everyString(each, text, name),
    ]),
  );
}

function withHoles(report: ShadowReport, mask: readonly boolean[]): ShadowReport {
  let at = 0;
  const walk = (value: unknown, path: string): unknown => {
    if (nullable.test(path) && mask[at++ % mask.length] === true) return null;
    if (Array.isArray(value)) return value.map((each, i) => walk(each, `${path}.${i}`));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [key, walk(each, `${path}.${key}`)]),
    );
  };
  return walk(report, "") as ShadowReport;
}

/** Elements that are opened and not closed, or closed and not opened. */
function leftOpen(page: string): readonly string[] {
  const open: string[] = [];
  for (const [tag, name = ""] of page.matchAll(/<\/?([a-z][a-z0-9]*)\b[^>]*>/g)) {
    if (tag.endsWith("/>") || name === "meta" || name === "wbr") continue;
    if (!tag.startsWith("</")) open.push(name);
    else if (open.pop() !== name) return [`</${name}>`];
  }
  return open;
}

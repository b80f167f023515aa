import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import {
  type GateResult,
  renderReportHtml,
  renderReportJunit,
  renderReportMarkdown,
  renderReportText,
  type Segment,
  type ShadowReport,
} from "@umbra/shadow";
import { changesApart } from "../src/report/change-words.ts";

/** What a release engineer asked of the page, row by row; in every form. */
const cases = fileURLToPath(new URL("cases/render", import.meta.url));

function reportOf(name: string): ShadowReport {
  return JSON.parse(readFileSync(`${cases}/${name}/report.json`, "utf8")) as ShadowReport;
}

/** Text of all forms, without markup and escapes, so that one sentence is found in each. */
const plain = (text: string) =>
  text
    .replace(/<style>.*<\/style>/s, "")
    .replaceAll("<wbr>", "")
    .replaceAll(/<(https:[^>]*)>/g, "$1")
    .replaceAll(/<[^>]*>/g, " ")
    .replaceAll("&amp;", "&")
    .replaceAll("&lt;", "<")
    .replaceAll("&#39;", "'")
    .replaceAll("&#58;", ":")
    .replaceAll("\\", "")
    .replaceAll("\u00a0", " ")
    .replaceAll(/\s+/g, " ");

const forms: readonly (readonly [string, (report: ShadowReport) => string])[] = [
  ["terminal", (report) => plain(renderReportText(report, { color: false }))],
  ["HTML", (report) => plain(renderReportHtml(report))],
  ["Markdown", (report) => plain(renderReportMarkdown(report))],
  // Attributes are what JUnit says.
  ["JUnit", (report) => plain(renderReportJunit(report).replaceAll(/[<>]/g, " "))],
];

const pass = reportOf("pass");
const withGate = (id: string, more: Partial<GateResult>): ShadowReport => ({
  ...pass,
  gates: pass.gates.map((gate) => (gate.id === id ? { ...gate, ...more } : gate)),
});

/** A report and a sentence that every form of it has. */
const rows: readonly {
  readonly row: string;
  readonly report: ShadowReport;
  readonly says: readonly string[];
}[] = [
  {
    row: "1: an advisory gate over its margin is named under PASS",
    report: withGate("e2e.typical", {
      ...{ status: "INCONCLUSIVE", estimate: 5.74 },
      interval: { lower: 5.61, upper: 5.88, level: 0.9 },
    }),
    says: ["e2e.typical 5.74x (5.61x to 5.88x) is over its +10.0 % margin (advisory)"],
  },
  {
    row: "2: a bound is never rounded onto its margin",
    report: withGate("ttft.typical", {
      ...{ status: "INCONCLUSIVE", estimate: 1.0308 },
      interval: { lower: 0.9619, upper: 1.10004, level: 0.9 },
    }),
    says: ["-3.810 % to +10.004 %"],
  },
  { row: "3: per cent", report: reportOf("fail"), says: ["+27.8 %", "+10.0 %"] },
  { row: "3: factors from 2x on", report: reportOf("fail"), says: ["3.12x"] },
  {
    row: "4: undecided is one word",
    report: reportOf("inconclusive"),
    says: ["… undecided", "too close to call with this much data"],
  },
  {
    row: "7: gates without any event are one row with the rule of three",
    report: pass,
    says: ["no bad_request, empty, malformed (0 in 3,668)", "at most 0.08 %"],
  },
  {
    row: "12: identities, policy and labels",
    report: pass,
    says: [
      ...["prod/llama-fp8-trial", "meta-llama/Llama-3.1-8B-Instruct", "vllm 0.11.2"],
      ...["gpu L40S", "image vllm/vllm-openai:v0.11.2", "3f9c2d1", "https://ci.example/runs/8812"],
    ],
  },
  {
    row: "12: the policy with its generation",
    report: {
      ...pass,
      evaluation: { ...pass.evaluation, policy: "prod/llama-fp8-trial", policy_generation: 7 },
    },
    says: ["prod/llama-fp8-trial, generation 7"],
  },
  {
    row: "13: every loss with its reason",
    report: pass,
    says: ["warm-up left out", "264", "error 7, client_cancelled 28", "concurrency 19, size 12"],
  },
  {
    row: "15: names missing checks",
    report: reportOf("inconclusive"),
    says: [
      "not checked: load balance between the pools, harm to the primary (needs a live sidecar)",
    ],
  },
  {
    row: "16: where to look",
    report: reportOf("fail"),
    says: [
      "prompts of 4k-16k tokens: ttft.typical 3.12x (6.1 % of requests)",
      "the shadow's errors: server_error 41, overloaded 16, truncated 5",
      "ttft.p90, ttft.p99: examine the slow requests",
    ],
  },
  {
    row: "missing 1, 5, 8: cost, mirroring, SLO misses per hour",
    report: pass,
    says: [
      ...["output tokens per second and GPU", "price per million output tokens"],
      "the peak of 11.4 requests per second needs at most 5 (4 to 6) replicas",
      "mirroring cost 3,960 requests, 4,910,400 prompt and 720,720 output tokens, 0.5 GPU-hours",
      ...["SLO misses per hour at full traffic", "1,284 (1,180 to 1,392)"],
    ].map((text) => text.charAt(0) + text.slice(1)),
  },
  {
    row: "missing 4: when",
    report: reportOf("fail"),
    says: ["10.8.3.21:8000 (shadow) was silent from 00:14:32 for 63 s"],
  },
  { row: "missing 7: power", report: pass, says: ["could see", "+12.5 %"] },
  {
    row: "missing 9: stalls, reasoning and cache",
    report: pass,
    says: [
      "streams with a gap over 1 s",
      "time spent on reasoning",
      "prompt tokens from the cache",
    ],
  },
  {
    row: "collecting: what is missing and until when",
    report: reportOf("inconclusive-live"),
    says: [
      "collecting",
      "1,135 of 2,000 pairs collected",
      "the planned end is 20 min away, at 2026-03-09 13:35 UTC",
      "nothing to do: the verdict comes in about 20 min",
    ],
  },
  {
    row: "swings of the load",
    report: reportOf("inconclusive"),
    says: ["load swings last about 2 min, and the run covers 15 of the 20"],
  },
];

describe.each(forms)("%s", (_, render) => {
  test.each(rows)("row $row", ({ report, says }) => {
    const text = render(report).toLowerCase();
    expect(says.filter((words) => !text.includes(words.toLowerCase()))).toEqual([]);
  });

  test("has no words that must be read twice", () => {
    const found = ["empty", "fail", "inconclusive", "inconclusive-live", "invalid", "pass"].flatMap(
      (name) => foreign.exec(render(reportOf(name)))?.[0] ?? [],
    );
    expect(found).toEqual([]);
  });

  test("6: has no e-value next to a gate", () => {
    const text = render(pass).replace(/Evidence against the shadow.*/s, "");
    expect(/e-value \d/.exec(text)).toBe(null);
  });

  test("11: has no TTFO where it is TTFT", () => {
    expect(/TTFO/.exec(render(pass))).toBe(null);
  });

  test("8: has no throughput of mirrored pairs per replica without the load of all traffic", () => {
    const { cost: _, ...none } = pass;
    expect(/second and (replica|GPU)|throughput/.exec(render(none))).toBe(null);
  });
});

const foreign =
  /not yet told from|mend what|another size of pool|whose twin was seen|holds the verdict|too autocorrelated|ties neighbouring|too near to the margin|texts on disk|asked for by name|stretches|began with|counted in another way|so far|pending|\bopen\b/;

describe("the page's own rows", () => {
  const page = renderReportHtml(reportOf("fail"));

  test("5: the interval has its level, FAIL's interval is a thin line, and the caption says what decides", () => {
    expect(page).toContain("90 % interval");
    expect(page.match(/class="thin"/g)?.length).toBeGreaterThan(8);
    expect(page).toContain("The thin line is the wider interval that decides FAIL");
  });

  test("9: no picture is wider than 640 px", () => {
    expect(page).toContain("svg.wide { width: 100%; max-width: 640px; }");
  });

  test("10: kinds of few pairs are grey or not there", () => {
    const few = (n: number): Segment => ({
      ...{ by: "shape", bucket: `of ${n}`, gate: "ttft.typical", kind: "ratio", share: 0.01, n },
      ...{
        estimate: 2,
        lower: 1.5,
        upper: 3,
        level: 0.9,
        margin: 1.1,
        e_value: null,
        flagged: false,
      },
    });
    const text = renderReportHtml({ ...pass, segments: [few(14), few(80)] });
    expect([text.includes("shape of 14"), text.includes("shape of 80")]).toEqual([false, true]);
    expect(text).toContain("· too few pairs to judge");
  });

  test("17: soundness comes before the gates, and time right after them", () => {
    const order = [...page.matchAll(/<h2 id="(\w+)"/g)].map(([, id]) => id);
    expect(order.slice(0, 5)).toEqual(["verdict", "validity", "gates", "time", "segments"]);
  });

  test("18: the status is the second column", () => {
    const [, head = ""] = /class="gates">.*?<thead>(.*?)<\/thead>/s.exec(page) ?? [];
    const heads = [...head.matchAll(/<th[^>]*>([^<]*)/g)].map(([, text]) => text);
    expect(heads.slice(0, 2)).toEqual(["gate", "status"]);
  });

  test("a policy, a label or a model with markup is text", () => {
    const labels = {
      run: "javascript:alert(1)",
      "candidate.x": '"><b>',
      link: "https://x/<script>",
    };
    const text = renderReportHtml({ ...pass, labels });
    expect(/href="(?!https:\/\/ci)|<b>|<script/.exec(text)).toBe(null);
  });
});

describe("14: the terminal's intervals", () => {
  const lines = renderReportText(reportOf("fail"), { color: false }).split("\n");
  const head = lines.find((line) => line.startsWith(" gate ")) ?? "";

  test("are on one scale, with equal and the margin under their heads", () => {
    const place = head.indexOf("|");
    const bars = lines.filter((line) => /^ (ttft|tpot|errors|slo|finish)[. ]/.test(line));
    expect(bars.length).toBeGreaterThan(5);
    expect(
      bars.map((line) => line[place] ?? "").filter((sign) => !"|[]+-<>".includes(sign)),
    ).toEqual([]);
  });

  test("fit into 140 columns, and into 120 without their picture", () => {
    const narrow = renderReportText(pass, { color: false, width: 100 }).split("\n");
    const gates = lines.filter((line) => /^ (gate|ttft|tpot|errors)/.test(line));
    expect(Math.max(...gates.map(({ length }) => length))).toBeLessThanOrEqual(140);
    expect(Math.max(...narrow.map(({ length }) => length))).toBeLessThanOrEqual(120);
  });
});

describe("against an earlier report", () => {
  const now = reportOf("fail");
  const same = { ...reportOf("pass"), evaluation: { ...pass.evaluation } };
  const other = {
    ...same,
    evaluation: { ...same.evaluation, config_sha256: "0".repeat(64) },
  };
  const formsOf = (against: ShadowReport) => [
    plain(renderReportText(now, { color: false, against })),
    plain(renderReportMarkdown(now, { against })),
    plain(renderReportHtml(now, { against })),
  ];

  test("every form has both sides of every gate", () => {
    for (const text of formsOf(same)) {
      expect(text).toContain("-2.4 % (-3.4 % to -1.3 %) ✓ PASS");
      expect(text).toContain("+27.8 % (+26.0 % to +29.5 %) ✗ FAIL");
      expect(text).toContain("+1.64 pp");
    }
  });

  test("warns where the configurations differ, and only there", () => {
    const warnings = (against: ShadowReport) =>
      formsOf(against).map((text) => text.includes("the configurations differ"));
    expect([warnings(same), warnings(other)]).toEqual([
      [false, false, false],
      [true, true, true],
    ]);
  });
});

describe("changes in words", () => {
  test.each([
    {
      values: [1.0308, 0.9619, 1.105],
      limits: [1.1],
      kind: "ratio" as const,
      want: ["+3.1 %", "-3.8 %", "+10.5 %"],
    },
    {
      values: [1.1, 1.1004],
      limits: [1.1],
      kind: "ratio" as const,
      want: ["+10.00 %", "+10.04 %"],
    },
    {
      values: [5.74, 0.5, null],
      limits: [1.1],
      kind: "ratio" as const,
      want: ["5.74x", "-50.0 %", null],
    },
    {
      values: [0.00499, 0],
      limits: [0.005],
      kind: "rate" as const,
      want: ["+0.499 pp", "+0.000 pp"],
    },
    { values: [-0.000001], limits: [], kind: "rate" as const, want: ["+0.00 pp"] },
  ])("$values against $limits: $want", ({ values, limits, kind, want }) => {
    expect(changesApart(values, limits, kind)).toEqual(want);
  });
});

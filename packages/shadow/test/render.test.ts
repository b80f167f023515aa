import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import {
  evaluationConfig,
  judge,
  renderReportHtml,
  renderReportJunit,
  renderReportMarkdown,
  renderReportText,
  type ShadowReport,
} from "@umbra/shadow";
import { Ajv } from "ajv";
import { traffic } from "./fixtures.ts";

const cases = fileURLToPath(new URL("cases/render", import.meta.url));
const isUpdate = process.env.UPDATE_GOLDEN === "1";
const schema = JSON.parse(
  readFileSync(new URL("../../../docs/shadow-report.schema.json", import.meta.url), "utf8"),
) as object;

const renderings = {
  "report.txt": (report: ShadowReport) => `${renderReportText(report, { color: false })}\n`,
  "report.md": renderReportMarkdown,
  "report.junit.xml": renderReportJunit,
  "report.html": renderReportHtml,
} as const;

/** Reports of every verdict, as the judge makes them. */
function reports(): Readonly<Record<string, ShadowReport>> {
  const config = evaluationConfig({
    horizonMs: 599_000,
    warmupMs: 0,
    slo: { ttft: 500 },
    seed: 7,
  });
  const usual = { pairs: 2_400, perSecond: 4 };
  const facts = {
    baseline: { pool: "default/pool-a", models: ["llama-3-8b"], engine: "vllm 0.11", replicas: 4 },
    candidate: { pool: "default/pool-b", models: ["llama-3.1-8b"], replicas: 4 },
    sampling: { percent: 25, by: "session" as const },
    loadRatio: 1.04,
  };
  const half = traffic({ seed: 3, ...usual }).map((each, i) =>
    i % 2 === 0 ? { ...each, shadow: null } : each,
  );
  return {
    pass: judge({ samples: traffic({ seed: 1, ...usual }), config, facts }),
    fail: judge({
      samples: traffic({ seed: 2, ...usual, ratio: 1.25, shadowErrors: 0.02 }),
      config,
      facts,
    }),
    invalid: judge({ samples: half, config, facts: { ...facts, loadRatio: 2 } }),
    "inconclusive-live": judge({
      samples: traffic({ seed: 4, pairs: 900, perSecond: 4 }),
      config,
      facts,
    }),
    empty: judge({ samples: [], config }),
  };
}

const made = reports();

describe.each(Object.entries(made))("%s", (name, report) => {
  const folder = `${cases}/${name}`;

  test("keeps to the schema", () => {
    const validate = new Ajv({ allowUnionTypes: true }).compile(schema);
    expect([validate(report), validate.errors]).toEqual([true, null]);
  });

  test.each(Object.entries(renderings))("%s is as expected", (file, render) => {
    const text = render(report);
    if (isUpdate) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(`${folder}/${file}`, text);
    }
    expect(text === readFileSync(`${folder}/${file}`, "utf8")).toBe(true);
    expect(/NaN|Infinity|undefined/.exec(text)?.[0]).toBeUndefined();
  });
});

test("there is a folder for every case, and no other", () => {
  expect(readdirSync(cases).toSorted()).toEqual(Object.keys(made).toSorted());
});

describe("the page", () => {
  const page = renderReportHtml(made.fail ?? neverMade());

  test("needs nothing else, and runs nothing", () => {
    expect(/<script|https?:|<link|<img|javascript:|\son\w+=/i.exec(page)?.[0]).toBeUndefined();
    for (const part of ["default-src 'none'", "prefers-color-scheme: dark", "@media print"]) {
      expect(page.includes(part)).toBe(true);
    }
  });

  test("stays under 300 KB with 2,000 dots", () => {
    const points = Array.from(
      { length: 2_000 },
      (_, i) => [100.123 + i, 110.456 + i * 1.1] as const,
    );
    const report = made.fail ?? neverMade();
    const large = renderReportHtml({
      ...report,
      plots: { ...report.plots, scatter: { metric: "ttft_ms", points } },
    });
    expect(large.length).toBeLessThan(300_000);
  });
});

test.each(Object.entries(renderings))("%s escapes what comes from outside", (_, render) => {
  const hostile = '<script>alert("1")</script>|`x`\u001b[31m&\u0000';
  const report = made.fail ?? neverMade();
  const text = render({
    ...report,
    candidate: { ...report.candidate, pool: hostile, models: [hostile] },
    baseline: { ...report.baseline, pool: hostile },
    errors: { ...report.errors, matrix: [[hostile, "ok", 1]] },
    limits_hit: [hostile],
    verdict: {
      ...report.verdict,
      reasons: [{ code: "x", gate: null, text: hostile }],
      next: { action: hostile, eta_s: null },
    },
  });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  expect(/[\u0000-\u0008\u001b]/.test(text)).toBe(false);
  expect(render === renderings["report.txt"] || !text.includes("<script>")).toBe(true);
});

function neverMade(): never {
  throw new Error("the case is not there");
}

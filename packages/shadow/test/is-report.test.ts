import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { evaluationConfig, isReport, judge } from "@umbra/shadow";
import { traffic } from "./fixtures.ts";

const spoken = JSON.parse(
  readFileSync(new URL("cases/render/outputs/report.json", import.meta.url), "utf8"),
) as Readonly<Record<string, unknown>>;
const file = new URL("cases/render/pass/report.json", import.meta.url);
const whole = JSON.parse(readFileSync(file, "utf8")) as Readonly<Record<string, unknown>>;
const optional = ["labels", "cost", "control", "outputs"];
const parts = Object.keys(whole).filter((name) => !optional.includes(name));

describe("isReport", () => {
  test("accepts reports of the judge, also brief ones", () => {
    const samples = traffic({ seed: 1, pairs: 300, perSecond: 4 });
    const config = evaluationConfig();
    expect(isReport(whole)).toBe(true);
    expect(isReport(judge({ samples, config, isBrief: true }))).toBe(true);
    expect(isReport(judge({ samples: [], config }))).toBe(true);
  });

  test.each(parts)("not without %s, and not where it is null or a number", (name) => {
    const { [name]: _, ...rest } = whole;
    expect([rest, { ...whole, [name]: null }, { ...whole, [name]: 5 }].map(isReport)).toEqual([
      ...[false, false, false],
    ]);
  });

  test.each([null, undefined, 5, "text", [], {}, { schema: "shadow-report/2" }])(
    "not of %j",
    (json) => {
      expect(isReport(json)).toBe(false);
    },
  );

  test("with outputs only in version 3, and whole ones", () => {
    expect(isReport(spoken)).toBe(true);
    expect(isReport({ ...spoken, schema: "shadow-report/2" })).toBe(false);
    expect(isReport({ ...spoken, schema: "shadow-report/4" })).toBe(false);
    expect(isReport({ ...spoken, outputs: {} })).toBe(false);
    expect(isReport({ ...spoken, outputs: { ...Object(spoken.outputs), lanes: {} } })).toBe(false);
    expect(isReport({ ...whole, outputs: undefined })).toBe(false);
  });

  test.each([
    ["agreement", [{}]],
    ["agreement", [null]],
    ["divergence", [5]],
    ["divergence", [[16, "many"]]],
    ["tools", { n: 5 }],
    ["tools", { n: 5, levels: [["same_args"]] }],
    ["floor", { triples: 5 }],
    ["logprob", {}],
    ["logprob", { n: 1, abs: 0, diff: 0, near_tie: null, floor: {} }],
    ["skipped", { memory: "many" }],
    ["coverage", undefined],
    ["lanes", { primary: {}, shadow: {} }],
  ])("not with outputs whose %s is %j", (name, value) => {
    const outputs = { ...Object(spoken.outputs), [name]: value };
    expect(isReport({ ...spoken, outputs })).toBe(false);
  });

  test("not where the verdict is half of one", () => {
    expect(isReport({ ...whole, verdict: { status: "PASS" } })).toBe(false);
  });
});

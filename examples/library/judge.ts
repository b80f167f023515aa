import { readFileSync } from "node:fs";
import { evaluationConfig, judge, parseSample, renderReportText } from "@umbra/shadow";

const lines = readFileSync("run.ndjson", "utf8").trim().split("\n");
const samples = lines.map(parseSample).flatMap((line) => (line.ok ? [line.sample] : []));
const report = judge({ samples, config: evaluationConfig({ slo: { ttft: 500 } }) });
console.log(report.verdict.status);
console.log(renderReportText(report, { color: false }));

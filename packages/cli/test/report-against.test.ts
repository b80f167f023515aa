import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { runCommand } from "./run-command.ts";

const cases = fileURLToPath(new URL("../../shadow/test/cases/render", import.meta.url));
const [now, earlier] = [`${cases}/fail/report.json`, `${cases}/pass/report.json`];

describe("umbra report --against and --label", () => {
  let folder = "";

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "umbra-against-"));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("puts both reports side by side in the terminal, HTML and Markdown", async () => {
    const [html, markdown] = [join(folder, "r.html"), join(folder, "r.md")];
    const { stdout: out, status } = await runCommand([
      ...["report", "--from", now, "--against", earlier, "--html", html, "--markdown", markdown],
    ]);
    expect(status).toBe(0);
    expect(out).toMatch(
      /ttft\.typical +-2\.4 % \(-3\.4 % to -1\.3 %\) ✓ PASS +\+27\.8 % .* ✗ FAIL/,
    );
    expect(readFileSync(html, "utf8")).toContain("Against the earlier report");
    expect(readFileSync(markdown, "utf8")).toContain("| against the earlier report |");
  });

  test("gives both reports and their comparison as JSON", async () => {
    const { stdout: out } = await runCommand([
      "report",
      "--from",
      now,
      "--against",
      earlier,
      "-o",
      "json",
    ]);
    const json = JSON.parse(out) as { schema: string; comparisons: readonly unknown[] };
    expect(json).toMatchObject({
      schema: "shadow-comparisons/1",
      comparisons: [
        {
          now: { verdict: { status: "FAIL" } },
          earlier: { verdict: { status: "PASS" } },
          comparison: { warning: null },
        },
      ],
    });
  });

  test("adds labels to those of the report", async () => {
    const { stdout: out } = await runCommand([
      ...["report", "--from", now, "--label", "commit=new", "--label", "baseline.gpu=H100"],
    ]);
    expect(out).toContain("commit new");
    expect(out).toContain("gpu H100");
    expect(out).toContain("image vllm/vllm-openai:v0.11.2");
  });

  test.each([
    { args: ["--label", "commit"], error: '--label "commit" is not key=value' },
    { args: ["--against", "/nowhere.json"], error: "/nowhere.json can't be read" },
  ])("reports the problem with $args", async ({ args, error }) => {
    const { stderr: err, status } = await runCommand(["report", "--from", now, ...args]);
    expect([status > 0, err]).toEqual([true, expect.stringContaining(error)]);
  });

  test.each([
    { json: null, why: "its `schema` must be shadow-report/2" },
    { json: 5, why: "its `schema` must be shadow-report/2" },
    { json: [], why: "its `schema` must be shadow-report/2" },
    { json: {}, why: "its `schema` must be shadow-report/2" },
    { json: { reports: 5 }, why: "its `schema` must be shadow-report/2" },
    { json: { reports: [null] }, why: "its `schema` must be shadow-report/2" },
    { json: { schema: "shadow-report/2" }, why: "parts are missing" },
    { json: { reports: [{ schema: "shadow-report/2" }, null] }, why: "parts are missing" },
    { json: { schema: "shadow-report/1" }, why: "shadow-report/1" },
  ])("rejects $json with one clear error", async ({ json, why }) => {
    const file = join(folder, "broken.json");
    writeFileSync(file, JSON.stringify(json));
    const found = await Promise.all([
      runCommand(["report", "--from", file]),
      runCommand(["report", "--from", now, "--against", file]),
    ]);
    expect(
      found.map(({ status, stderr }) => [status, stderr.includes(why), lines(stderr)]),
    ).toEqual([
      [1, true, 1],
      [1, true, 1],
    ]);
  });

  test("rejects an earlier list without the candidate", async () => {
    const report = JSON.parse(readFileSync(earlier, "utf8")) as { candidate: object };
    const other = { ...report, candidate: { ...report.candidate, pool: "prod/other" } };
    const file = join(folder, "list.json");
    writeFileSync(file, JSON.stringify({ schema: "shadow-reports/1", reports: [other, other] }));
    const { stderr: err, status } = await runCommand(["report", "--from", now, "--against", file]);
    expect([status, err]).toEqual([
      2,
      expect.stringContaining("--against has no report for these candidates, only for prod/other"),
    ]);
  });
});

function lines(text: string): number {
  return text.trimEnd().split("\n").length;
}
